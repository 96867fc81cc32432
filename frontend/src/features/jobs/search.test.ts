import { describe, expect, it } from "vitest";

import { jobSearch, jobsSearch } from "./search";

describe("the filters of jobs in the URL", () => {
  it("keep what is known and drop what is not", () => {
    expect(jobsSearch({ state: "FAILED", task: "demo.echo", other: "x" })).toEqual({ state: "FAILED", task: "demo.echo" });
    expect(jobsSearch({ state: "BROKEN", task: "", queue: ["a"], tag: "x".repeat(201) })).toEqual({});
    expect(jobsSearch({ tag: 42 })).toEqual({ tag: "42" });
    expect(jobsSearch({ back: "<script>" })).toEqual({});
  });

  it("know a span or an exact moment, and let the moment win", () => {
    expect(jobsSearch({ since: "24h" })).toEqual({ since: "24h" });
    expect(jobsSearch({ since: "3h", created_after: "yesterday" })).toEqual({});
    expect(jobsSearch({ created_after: "2026-99-01T00:00:00Z" })).toEqual({});
    expect(jobsSearch({ since: "24h", created_after: "2026-11-23T01:00:00Z" })).toEqual({ created_after: "2026-11-23T01:00:00Z" });
  });

  it("name the open attempt by its number", () => {
    expect(jobSearch({ attempt: 3 })).toEqual({ attempt: 3 });
    expect(jobSearch({ attempt: 0 })).toEqual({});
    expect(jobSearch({ attempt: "x" })).toEqual({});
  });
});
