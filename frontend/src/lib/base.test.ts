// @vitest-environment jsdom
import { describe, expect, it } from "vitest";

import { readBasePath } from "@/lib/base";

describe("the base path", () => {
  it.each([
    ["http://localhost:3000/", ""],
    ["https://ops.example/easyflow/", "/easyflow"],
    ["https://ops.example/a/b/", "/a/b"],
    ["about:blank", ""],
  ])("of %s is %j", (base, path) => {
    expect(readBasePath(base)).toBe(path);
  });
});
