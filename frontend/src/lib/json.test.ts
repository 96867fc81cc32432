import { describe, expect, it } from "vitest";

import { parseAnswer, parseJson, prettyJson, stringifyJson } from "@/lib/json";

describe("JSON", () => {
  it.each([
    "12345678901234567890",
    "0.1000",
    "1e400",
    "-0.0",
    "9007199254740993",
    '{"a":[1.0,2,{"b":3.10}],"t":"ü\\n"}',
    '{"2":1,"b":null,"x":true}',
  ])("keeps every digit of %s", (text) => {
    expect(stringifyJson(parseJson(text))).toBe(text);
  });

  it("turns the API's own numbers into numbers and leaves those of payloads alone", () => {
    const answer = parseAnswer('{"timeout_seconds":300.0,"items":[{"count":1.0}],"payload":{"id":12345678901234567890}}') as {
      timeout_seconds: number;
      items: { count: number }[];
      payload: unknown;
    };
    expect(answer.timeout_seconds).toBe(300);
    expect(answer.items[0]?.count).toBe(1);
    expect(stringifyJson(answer.payload)).toBe('{"id":12345678901234567890}');
  });

  it("keeps a payload that is a bare number", () => {
    const answer = parseAnswer('{"payload":12345678901234567890,"result":1.50}') as Record<string, unknown>;
    expect(stringifyJson(answer)).toBe('{"payload":12345678901234567890,"result":1.50}');
  });

  it("sets JSON in lines, and leaves alone what is none", () => {
    expect(prettyJson('{"a":[1.0]}')).toBe('{\n  "a": [\n    1.0\n  ]\n}');
    expect(prettyJson("{not json")).toBe("{not json");
  });
});
