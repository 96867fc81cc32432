import { describe, expect, it } from "vitest";

import { fieldsOf } from "./schema";

describe("a schema as rows", () => {
  it("names type, need, default and limits of each field", () => {
    const schema = {
      type: "object",
      required: ["seconds"],
      properties: {
        seconds: { type: "number", minimum: 0, maximum: 3600 },
        method: { enum: ["GET", "PUT"], default: "GET" },
        body: { anyOf: [{ type: "string" }, { type: "null" }] },
        tags: { type: "array", items: { $ref: "#/$defs/Tag" } },
      },
      $defs: { Tag: { type: "string", format: "slug" } },
    };
    expect(fieldsOf(schema)).toEqual([
      { name: "seconds", type: "number", required: true, note: "at least 0; at most 3600" },
      { name: "method", type: '"GET" | "PUT"', required: false, note: 'default "GET"' },
      { name: "body", type: "string | null", required: false, note: "" },
      { name: "tags", type: "array of string (slug)", required: false, note: "" },
    ]);
  });

  it("has no rows for what is no object, and survives a circle", () => {
    expect(fieldsOf(null)).toEqual([]);
    expect(fieldsOf({ type: "string" })).toEqual([]);
    const circle = { properties: { a: { $ref: "#/$defs/A" } }, $defs: { A: { $ref: "#/$defs/A" } } };
    expect(fieldsOf(circle)).toMatchObject([{ name: "a", type: "any" }]);
  });
});
