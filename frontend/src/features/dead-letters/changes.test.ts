import { describe, expect, it } from "vitest";

import { diffOf, readEdit, sayChanges } from "./changes";
import { parseJson } from "@/lib/json";

const PAYLOAD = parseJson('{"amount": 12345678901234567890.10, "card": "4711", "approved": false}');

describe("reading an edit", () => {
  it("sees no change in other spaces, and one in any digit", () => {
    expect(readEdit('{"amount":12345678901234567890.10,\n"card":"4711","approved":false}', PAYLOAD)).toMatchObject({ changed: false, problem: null });
    expect(readEdit('{"amount":12345678901234567890.1,"card":"4711","approved":false}', PAYLOAD).changed).toBe(true);
  });

  it("tells what is no JSON instead of a value", () => {
    const { value, problem } = readEdit('{"amount": }', PAYLOAD);
    expect(value).toBeUndefined();
    expect(problem).toBeTruthy();
  });

  it("takes null for a value, for a payload may be null", () => {
    expect(readEdit("null", PAYLOAD)).toEqual({ value: null, problem: null, changed: true });
  });
});

describe("saying what changed", () => {
  const said = (text: string) => sayChanges(PAYLOAD, parseJson(text));

  it("names fields that changed, came and went, with every digit", () => {
    expect(said('{"amount": 12345678901234567890.10, "card": "4711", "approved": true}')).toBe("approved: false → true");
    expect(said('{"amount": 12345678901234567891, "approved": false, "note": "x"}')).toBe(
      'amount: 12345678901234567890.10 → 12345678901234567891, card removed, note: "x" added',
    );
  });

  it("is empty for no change and general for what is no object", () => {
    expect(sayChanges(PAYLOAD, PAYLOAD)).toBe("");
    expect(said("[1]")).toBe("the whole payload");
    expect(said("12345678901234567890123")).toBe("the whole payload");
    expect(said('{"card": "4711", "amount": 12345678901234567890.10, "approved": false}')).toBe("the order of its fields");
  });

  it("counts fields beyond three and cuts long values", () => {
    expect(sayChanges({ a: 1, b: 1, c: 1, d: 1, e: 1 }, { a: 2, b: 2, c: 2, d: 2, e: 2 })).toBe("a: 1 → 2, b: 1 → 2, c: 1 → 2, and 2 more fields");
    expect(sayChanges({ a: "" }, { a: "x".repeat(60) })).toHaveLength('a: "" → '.length + 41);
  });
});

describe("the lines of a diff", () => {
  it("shows a changed line with two around it and folds the rest", () => {
    const before = { a: 1, b: 2, c: 3, d: 4, e: 5, f: 6, g: 7 };
    expect(diffOf(before, { ...before, d: 0 }).map(({ kind, text }) => `${kind} ${text}`)).toEqual([
      "gap 2 unchanged lines",
      'same   "b": 2,',
      'same   "c": 3,',
      'removed   "d": 4,',
      'added   "d": 0,',
      'same   "e": 5,',
      'same   "f": 6,',
      "gap 2 unchanged lines",
    ]);
  });

  it("has nothing added or removed where nothing changed", () => {
    expect(diffOf(PAYLOAD, PAYLOAD).every(({ kind }) => kind === "gap")).toBe(true);
  });
});
