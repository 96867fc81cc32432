import { describe, expect, it } from "vitest";

import { limitOf } from "./limits";

describe("a typed limit", () => {
  it("is a whole number from 1 to a million, or nothing where that means no limit", () => {
    expect(limitOf(" 20 ", true)).toEqual({ value: 20, problem: null });
    expect(limitOf("", true)).toEqual({ value: null, problem: null });
    for (const wrong of ["0", "1000001", "2.5", "-1", "1e3", "many"]) expect(limitOf(wrong, true).problem).toContain("whole number");
    expect(limitOf("", false).problem).toContain("whole number");
  });
});
