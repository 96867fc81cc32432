import { describe, expect, it } from "vitest";

import { ageOf, askedOf, fieldOf, filtered, isFiltered, momentOf, narrowing } from "./filters";

describe("the filters of the job list", () => {
  it("ask for what the API knows; a span is left to the moment of asking", () => {
    const search = { state: "FAILED", since: "1h", cursor: "c", back: "first" } as const;
    expect(askedOf(search)).toEqual({ state: "FAILED", cursor: "c" });
    expect(ageOf(search)).toBe(3_600_000);
    expect(ageOf({})).toBeUndefined();
  });

  it("begin at the first page when one of them changes", () => {
    expect(filtered({ state: "FAILED", cursor: "c", back: "first" }, { task: "demo.echo" })).toEqual({ state: "FAILED", task: "demo.echo" });
    expect(filtered({ state: "FAILED" }, { state: undefined })).toEqual({});
  });

  it("do not count a page as a filter", () => {
    expect(isFiltered({ cursor: "c", back: "first" })).toBe(false);
    expect(isFiltered({ tag: "shop" })).toBe(true);
  });

  it("say what would make the question narrower", () => {
    expect(narrowing({})).toEqual(["a time", "a state", "a tag", "a queue"]);
    expect(narrowing({ since: "7d", state: "READY", tag: "t", queue: "q" })).toEqual([]);
  });

  it("read and write an exact moment in the zone that is shown", () => {
    // The tests run in Madrid, one hour ahead of UTC in November.
    expect(fieldOf("2026-11-23T23:30:00Z", "utc")).toBe("2026-11-23T23:30");
    expect(fieldOf("2026-11-23T23:30:00Z", "local")).toBe("2026-11-24T00:30");
    expect(momentOf("2026-11-24T00:30", "local")).toBe("2026-11-23T23:30:00Z");
    expect(momentOf("2026-11-24T00:30", "utc")).toBe("2026-11-24T00:30:00Z");
    expect(momentOf("", "utc")).toBeUndefined();
    expect(momentOf("2026-11-24", "local")).toBeUndefined();
  });
});
