// @vitest-environment jsdom
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { fireEvent, render, screen } from "@testing-library/react";
import { describe, expect, it } from "vitest";

import { SettleDialog } from "./SettleDialog";
import { TooltipProvider } from "@/components/ui/Tooltip";
import { effectWith, jobWith } from "@/testing/job";
import "@/testing/dom";
import type { Effect } from "@/lib/api/types";

function show(...states: Effect["state"][]) {
  const job = jobWith({
    state: "IN_DOUBT",
    effects: states.map((state, index) => effectWith({ ordinal: index + 1, state })),
    in_doubt: { version: 1, since: "2026-11-23T12:00:00Z", reason: null, cancel_requested: false },
  });
  render(<QueryClientProvider client={new QueryClient()}><TooltipProvider><SettleDialog job={job} onClose={() => undefined} /></TooltipProvider></QueryClientProvider>);
}

const button = () => screen.getByRole("button", { name: /Settle 1 job/ });
const choose = (name: string) => fireEvent.click(screen.getByRole("radio", { name }));

describe("settling", () => {
  it("asks for an outcome, then for a reason", () => {
    show("open");
    expect(button().title).toContain("what you found");
    choose("It did not happen");
    expect(button().title).toContain("Say why first");
    fireEvent.change(screen.getByLabelText("Reason"), { target: { value: "asked the bank" } });
    expect(button().getAttribute("aria-disabled")).toBeNull();
  });

  it("takes a result for what happened only, and says what is wrong with it", () => {
    show("open");
    choose("Fail the job");
    expect(screen.queryByLabelText("Result as JSON")).toBeNull();
    choose("It happened");
    fireEvent.change(screen.getByLabelText("Result as JSON"), { target: { value: "{" } });
    expect(screen.getByText(/^This is not JSON yet/, { selector: "p" })).toBeDefined();
    expect(button().title).toContain("not JSON yet");
  });

  it("shows the keys that are open, and completes when there are none", () => {
    show("happened", "open");
    expect(screen.getByRole("list", { name: "To look up" }).children).toHaveLength(1);
    choose("It happened");
    expect(screen.getByLabelText<HTMLInputElement>("Complete the job").checked).toBe(false);
  });

  it("can only complete what happened when nothing is open", () => {
    show("happened");
    choose("It happened");
    const tick = screen.getByLabelText<HTMLInputElement>("Complete the job");
    expect([tick.checked, tick.disabled]).toEqual([true, true]);
  });
});
