import { describe, expect, it } from "vitest";

import { choicesOf, doubtOf, mustComplete, resultProblem, settleOf, whyNotSettle } from "./settling";
import { stringifyJson } from "@/lib/json";
import type { Effect } from "@/lib/api/types";
import { effectWith, jobWith } from "@/testing/job";

const doubtful = (...states: Effect["state"][]) =>
  jobWith({
    state: "IN_DOUBT",
    effects: states.map((state, index) => effectWith({ ordinal: index + 1, name: `step ${index + 1}`, state })),
    in_doubt: { version: 3, since: "2026-11-23T12:00:00Z", reason: "the line broke", cancel_requested: false },
  });
const draft = { outcome: null, result: "", complete: false };

describe("a job in doubt", () => {
  it("names what may or may not have happened, and nothing that is known", () => {
    expect(doubtOf(doubtful("happened", "open"))).toBe("Its effect step 2 may or may not have happened.");
    expect(doubtOf(doubtful("open", "open"))).toBe("Its effects step 1, step 2 may or may not have happened.");
    expect(doubtOf(doubtful("happened"))).toContain("holds nothing open");
  });

  it("is settled at the version that was seen", () => {
    expect(settleOf(doubtful("open"), { ...draft, outcome: "did_not_happen", result: "{}", complete: true }, "asked")).toEqual({ outcome: "did_not_happen", reason: "asked", seen_version: 3 });
    expect(settleOf(doubtful("open"), { ...draft, outcome: "failed" }, "asked")).toEqual({ outcome: "failed", reason: "asked", seen_version: 3 });
    expect(settleOf(doubtful("open"), { ...draft, outcome: "happened" }, "asked")).toEqual({ outcome: "happened", reason: "asked", seen_version: 3, complete: false });
    expect(() => settleOf(doubtful("open"), draft, "asked")).toThrow();
  });

  it("keeps every digit of the result", () => {
    const said = settleOf(doubtful("open"), { outcome: "happened", result: '{"paid": 12345678901234567890.10}', complete: true }, "asked");
    expect(stringifyJson(said)).toBe('{"outcome":"happened","reason":"asked","seen_version":3,"result":{"paid":12345678901234567890.10},"complete":true}');
  });

  it("can only be completed by what happened when nothing is open that could be recorded", () => {
    expect([mustComplete(doubtful("happened")), mustComplete(doubtful("open"))]).toEqual([true, false]);
    expect(settleOf(doubtful("happened"), { ...draft, outcome: "happened" }, "asked")).toMatchObject({ complete: true });
    expect(choicesOf(doubtful("happened"))[0]?.says).toContain("a second time");
    expect(choicesOf(doubtful("open"))[1]?.says).toContain("with the same key");
  });
});

describe("what keeps a settle from being sent", () => {
  it("is a missing outcome, or a result that is no JSON", () => {
    expect(whyNotSettle(draft)).toContain("what you found");
    expect(whyNotSettle({ ...draft, outcome: "happened", result: "{" })).toContain("not JSON yet");
    expect(whyNotSettle({ ...draft, outcome: "happened", result: " " })).toBeNull();
    expect(resultProblem({ ...draft, outcome: "failed", result: "{" })).toBeNull();
  });
});
