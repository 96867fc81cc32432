import { describe, expect, it } from "vitest";

import { formatAbsolute, formatClock, formatDuration, formatRelative } from "@/lib/time";

const NOW = Date.parse("2026-11-23T12:00:00Z");

describe("times", () => {
  it.each([
    [0, "just now"],
    [1, "just now"],
    [42, "42 s ago"],
    [-180, "in 3 min"],
    [59 * 60 + 59, "59 min ago"],
    [5 * 3600, "5 h ago"],
    [36 * 3600, "36 h ago"],
    [12 * 86400, "12 d ago"],
  ])("says %i seconds before now as %s", (seconds, words) => {
    expect(formatRelative(NOW - seconds * 1000, NOW)).toBe(words);
  });

  it.each([
    [850, "850 ms"],
    [4_250, "4.2 s"],
    [59_999, "59 s"],
    [200_000, "3 min 20 s"],
    [300_000, "5 min"],
    [7_500_000, "2 h 5 min"],
    [273_600_000, "3 d 4 h"],
    [-5, "0 ms"],
  ])("says a length of %i ms as %s", (milliseconds, words) => {
    expect(formatDuration(milliseconds)).toBe(words);
  });

  it("shows a moment in UTC and in the zone of this machine, also over midnight", () => {
    expect(formatAbsolute("2026-11-23T23:05:09.123Z", "utc")).toBe("2026-11-23 23:05:09 UTC");
    expect(formatAbsolute("2026-11-23T23:05:09.123Z", "local")).toMatch(/^2026-11-24 00:05:09 (CET|GMT\+1)$/);
    expect(formatClock("2026-11-23T23:05:09Z", "utc")).toBe("23:05");
  });
});
