import { describe, expect, it } from "vitest";

import { newIdempotencyKey, shortId, shortType } from "@/lib/ids";
import { countOf, formatAmount, formatBytes, formatTotal } from "@/lib/numbers";

describe("numbers", () => {
  it("says how exact a count is", () => {
    expect(formatTotal({ value: 1234, kind: "exact" })).toBe("1,234");
    expect(formatTotal({ value: 10_000, kind: "capped" })).toBe("10,000+");
    expect(formatTotal({ value: 1_200_000, kind: "estimate" })).toBe("≈ 1,200,000");
  });

  it("counts one thing and many, and more than one when the count is capped", () => {
    expect(countOf(1, "job")).toBe("1 job");
    expect(countOf(0, "job")).toBe("0 jobs");
    expect(countOf({ value: 1, kind: "capped" }, "job")).toBe("1+ jobs");
    expect(countOf(2, "query", "queries")).toBe("2 queries");
  });

  it("keeps the digits of an amount", () => {
    expect(formatAmount("77954.70")).toBe("77,954.70");
    expect(formatAmount("-1234567890123456789.01")).toBe("-1,234,567,890,123,456,789.01");
    expect(formatAmount("12")).toBe("12");
  });

  it("says sizes in powers of 1024", () => {
    expect(formatBytes(512)).toBe("512 B");
    expect(formatBytes(1536)).toBe("1.5 kB");
    expect(formatBytes(50 * 1024 ** 2)).toBe("50 MB");
  });
});

describe("ids", () => {
  it("shortens an id to its last 8 characters and a type to its name", () => {
    expect(shortId("01a20612-0dbd-765e-8fd0-fd03854dfd08")).toBe("854dfd08");
    expect(shortType("easyflow.domain.outcome.Fail")).toBe("Fail");
    expect(shortType("Fail")).toBe("Fail");
  });

  it("makes a fresh key for each act, also where the browser offers no randomUUID", () => {
    const offered = crypto.randomUUID;
    try {
      Object.assign(crypto, { randomUUID: undefined });
      expect(newIdempotencyKey()).toMatch(/^[0-9a-f]{32}$/);
      expect(newIdempotencyKey()).not.toBe(newIdempotencyKey());
    } finally {
      Object.assign(crypto, { randomUUID: offered });
    }
  });
});
