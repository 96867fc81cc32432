import { jsonLanguage } from "@codemirror/lang-json";
import { describe, expect, it } from "vitest";

import { placeOf } from "./json-places";

const TEXT = '{"amount": "1.00", "items": [{"a": 1}, {"b \\"c\\"": [true]}], "empty": {}}';

function marked(...steps: string[]): string {
  const { from, to } = placeOf(jsonLanguage.parser.parse(TEXT), TEXT, steps);
  return TEXT.slice(from, to);
}

describe("the place of a problem in JSON", () => {
  it("is the member, its name and value, however deep", () => {
    expect(marked("amount")).toBe('"amount": "1.00"');
    expect(marked("items", "0", "a")).toBe('"a": 1');
    expect(marked("items", "1", 'b "c"', "0")).toBe("true");
  });

  it("is the name or the brace of what holds others, so that not everything is marked", () => {
    expect(marked("empty")).toBe('"empty"');
    expect(marked()).toBe("{");
  });

  it("is the deepest value on the way when there is no such member", () => {
    expect(marked("amount", "x")).toBe('"amount": "1.00"');
    expect(marked("missing")).toBe("{");
    expect(placeOf(jsonLanguage.parser.parse(""), "", ["a"])).toEqual({ from: 0, to: 0 });
  });
});
