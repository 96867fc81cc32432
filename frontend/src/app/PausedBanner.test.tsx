// @vitest-environment jsdom
import { render, screen } from "@testing-library/react";
import { describe, expect, it } from "vitest";

import { PausedNotice } from "@/app/PausedBanner";
import { TooltipProvider } from "@/components/ui/Tooltip";
import type { GuardNotice } from "@/lib/api/types";
import "@/testing/dom";

const notice = (facts: Partial<GuardNotice> = {}): GuardNotice => ({
  state: "tripped",
  since: "2026-01-31T09:30:00Z",
  differences: ["the timeline is 2, it was 1: a standby was promoted, or a backup was restored"],
  ...facts,
});
const show = (facts?: Partial<GuardNotice>) => render(<TooltipProvider><PausedNotice notice={notice(facts)} /></TooltipProvider>);

describe("the banner of the timeline guard", () => {
  it("says since when unsafe jobs are paused, why, and which command releases them", () => {
    show();
    const banner = screen.getByRole("alert");
    expect(banner.textContent).toMatch(/Unsafe jobs are paused since .*2026.*: the database went back in time/);
    expect(screen.getByRole("listitem").textContent).toContain("the timeline is 2, it was 1");
    expect(screen.getByLabelText("the command to release").textContent).toContain("easyflow timeline release --lost-from");
  });

  it("offers no second release while one is under way", () => {
    show({ state: "releasing" });
    expect(screen.getByRole("alert").textContent).toContain("A release is under way");
    expect(screen.queryByLabelText("the command to release")).toBeNull();
  });

  it.each(["watching", "unwatched"] as const)("is not there while the guard is %s", (state) => {
    show({ state, since: null, differences: [] });
    expect(screen.queryByRole("alert")).toBeNull();
  });
});
