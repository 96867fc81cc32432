import { describe, expect, it } from "vitest";

import { isOn, switched, togglesOf } from "./toggles";
import { parseJson, stringifyJson } from "@/lib/json";

const SCHEMA = {
  type: "object",
  properties: {
    amount: { type: "string" },
    overdraft_approved: { type: "boolean", default: false, description: "post although it goes over the limit" },
    notify: { type: "boolean", default: true },
    always: { type: "boolean", const: true },
    maybe: { anyOf: [{ type: "boolean" }, { type: "string" }] },
  },
};

describe("quick changes", () => {
  it("are the fields that can only be yes or no", () => {
    expect(togglesOf(SCHEMA)).toEqual([
      { name: "overdraft_approved", hint: "post although it goes over the limit", fallback: false },
      { name: "notify", hint: "", fallback: true },
    ]);
  });

  it("are none for a task without a schema, or with another kind", () => {
    for (const schema of [null, undefined, true, [], { type: "array" }, { properties: { a: true } }]) expect(togglesOf(schema)).toEqual([]);
  });

  it("stand as the payload says, else as the schema's default", () => {
    const [approved, notify] = togglesOf(SCHEMA);
    if (!approved || !notify) throw new Error("two toggles were expected");
    expect(isOn({ overdraft_approved: true }, approved)).toBe(true);
    expect(isOn({}, approved)).toBe(false);
    expect(isOn({}, notify)).toBe(true);
    expect(isOn({ notify: "yes" }, notify)).toBeNull();
    expect(isOn([1], notify)).toBeNull();
  });

  it("change one field and leave every digit of the others", () => {
    const [approved] = togglesOf(SCHEMA);
    if (!approved) throw new Error("a toggle was expected");
    const payload = parseJson('{"id": 9007199254740993, "overdraft_approved": false, "rate": 1.0}');
    expect(stringifyJson(switched(payload, approved, true))).toBe('{"id":9007199254740993,"overdraft_approved":true,"rate":1.0}');
  });
});
