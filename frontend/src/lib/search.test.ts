import { describe, expect, it } from "vitest";

import { askedOf, newerPage, olderPage, type PageSearch } from "@/lib/search";

describe("pages in the URL", () => {
  it("walks to older pages and back the same way", () => {
    const first: PageSearch = {};
    const second = olderPage(first, "cursor-b");
    const third = olderPage(second, "cursor-c");
    expect(third).toEqual({ cursor: "cursor-c", back: "first.cursor-b" });
    expect(newerPage(third)).toEqual(second);
    expect(newerPage(second)).toEqual({ cursor: undefined, back: undefined });
    expect(newerPage({ cursor: "from-a-link" })).toEqual({ cursor: undefined, back: undefined });
  });

  it("asks the API for the page, not for the way to it", () => {
    expect(askedOf({ cursor: "cursor-b", back: "first" })).toEqual({ cursor: "cursor-b" });
  });
});
