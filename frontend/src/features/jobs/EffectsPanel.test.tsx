// @vitest-environment jsdom
import { render, screen } from "@testing-library/react";
import { describe, expect, it } from "vitest";

import { EffectsPanel } from "./EffectsPanel";
import { TooltipProvider } from "@/components/ui/Tooltip";
import type { JobDetail } from "@/lib/api/types";
import { effectWith, jobWith } from "@/testing/job";
import "@/testing/dom";

const show = (job: JobDetail) => render(<TooltipProvider><EffectsPanel job={job} /></TooltipProvider>);

describe("the effects of a job", () => {
  it("are told with their key, class, state, result and who settled them", () => {
    const effects = [
      effectWith({ ordinal: 1, name: "reserve", state: "happened", closed_by: "ann", note: "statement 7", result: { n: 1 }, result_bytes: 8 }),
      effectWith({ ordinal: 2, name: "charge", effects: "unsafe", tries: 2 }),
    ];
    show(jobWith({ effects, effects_total: 2 }));
    const [, first, second] = screen.getAllByRole("row");
    expect(first?.textContent).toContain("Happened");
    expect(first?.textContent).toContain("Settled by ann: statement 7");
    expect(first?.textContent).toContain('{"n":1}');
    expect(second?.textContent).toContain("Open");
    expect(second?.textContent).toContain("unsafe");
    expect(second?.textContent).not.toContain("Result");
    expect(screen.getByRole("button", { name: "Copy the key of charge" })).toBeDefined();
    expect(screen.getByText("2 effects")).toBeDefined();
  });

  it("tell a null result from none, and from one that was left out", () => {
    const effects = [
      effectWith({ ordinal: 1, state: "happened", closed_by: "worker", result: null, result_bytes: 4 }),
      effectWith({ ordinal: 2, state: "happened", closed_by: "worker", result: null, result_bytes: 700_000 }),
    ];
    show(jobWith({ effects, effects_total: 130 }));
    const [, first, second] = screen.getAllByRole("row");
    expect(first?.textContent).toContain("Resultnull");
    expect(first?.textContent).not.toContain("Settled");
    expect(second?.textContent).toContain("Its result has 684 kB");
    expect(screen.getByText(/130 effects; those open and the latest, 2, are shown/)).toBeDefined();
  });

  it("are no part of the page of a job without any", () => {
    const { container } = show(jobWith({}));
    expect(container.textContent).toBe("");
  });
});
