import { describe, expect, it } from "vitest";

import { actOnEach, DONE, outcomeOf, type Outcome, sayAct, sayOutcomes } from "./bulk";
import { ApiError, unreachable } from "@/lib/api/errors";

const refusal = (status: number) => new ApiError({ status, code: "x", title: "x", detail: `said ${status}` });

async function run(answers: Record<string, unknown>, stopped = () => false) {
  const asked: string[] = [];
  const told: Record<string, Outcome> = {};
  const act = async (row: string) => {
    asked.push(row);
    if (answers[row]) throw answers[row];
  };
  await actOnEach(Object.keys(answers), act, (row, outcome) => (told[row] = outcome), stopped);
  return { asked, verdicts: Object.values(told).map(({ verdict }) => verdict), told };
}

describe("an act on several dead letters", () => {
  it("goes on after one that changed or was refused, and says so of that one", async () => {
    const { asked, verdicts, told } = await run({ a: null, b: refusal(409), c: refusal(404), d: null });
    expect(asked).toEqual(["a", "b", "c", "d"]);
    expect(verdicts).toEqual(["done", "changed", "refused", "done"]);
    expect(told.b?.note).toBe("said 409");
  });

  it("ends where no answer comes, for what happened there is not known", async () => {
    const { asked, verdicts } = await run({ a: null, b: unreachable(), c: null });
    expect(asked).toEqual(["a", "b"]);
    expect(verdicts).toEqual(["done", "unanswered", "untried"]);
    expect(outcomeOf(refusal(503)).verdict).toBe("unanswered");
    expect(outcomeOf(new Error("broken")).verdict).toBe("unanswered");
  });

  it("ends between two rows when it is stopped", async () => {
    let left = 2;
    const { asked, verdicts } = await run({ a: null, b: null, c: null }, () => left-- <= 1);
    expect(asked).toEqual(["a"]);
    expect(verdicts).toEqual(["done", "untried", "untried"]);
  });
});

describe("words for how it went", () => {
  const of = (...verdicts: Outcome["verdict"][]) => verdicts.map((verdict) => ({ verdict, note: null }));

  it("count what was done and everything that was not", () => {
    expect(sayOutcomes([DONE, DONE], "replayed")).toBe("2 replayed");
    expect(sayOutcomes(of("done", "refused", "changed", "untried", "unanswered"), "discarded")).toBe(
      "1 discarded, 1 changed meanwhile, 1 refused, 1 without an answer, 1 not tried",
    );
    expect(sayOutcomes(of("changed"), "replayed")).toBe("none replayed, 1 changed meanwhile");
  });

  it("name verb and number on the button", () => {
    expect(sayAct("replay", 3)).toBe("Replay 3 jobs");
    expect(sayAct("discard", 1)).toBe("Discard 1 dead letter");
  });
});
