import { describe, expect, it } from "vitest";

import { deadLettersSearch, isFiltered, refiltered } from "./search";

describe("the filters of dead letters in the URL", () => {
  it("leave the default out: open ones need no word", () => {
    expect(deadLettersSearch({ state: "open" })).toEqual({});
    expect(deadLettersSearch({ state: "discarded" })).toEqual({ state: "discarded" });
  });

  it("keep a reason word by word, and drop what is none of theirs", () => {
    expect(deadLettersSearch({ reason: "lost, outcome unknown", task: "a.b", page: "2" })).toEqual({ reason: "lost, outcome unknown", task: "a.b" });
  });

  it("begin at the first page again when one of them changes", () => {
    expect(refiltered({ task: "a", cursor: "x", back: "first" }, { task: "b" })).toEqual({ task: "b" });
  });

  it("count as filters only where they narrow what is shown", () => {
    expect(isFiltered({ state: "replayed", cursor: "x" })).toBe(false);
    expect(isFiltered({ tag: "mainframe" })).toBe(true);
  });
});
