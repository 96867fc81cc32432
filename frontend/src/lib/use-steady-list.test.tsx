// @vitest-environment jsdom
import { act, renderHook } from "@testing-library/react";
import { describe, expect, it } from "vitest";

import { useSteadyList } from "@/lib/use-steady-list";
import "@/testing/dom";

interface Row {
  id: string;
  state: string;
}

const row = (id: string, state = "READY"): Row => ({ id, state });
const start = (items: Row[], key = "all") =>
  renderHook((props: { items: Row[]; key: string }) => useSteadyList(props.items, ({ id }) => id, props.key), { initialProps: { items, key } });

describe("a steady list", () => {
  it("counts what arrives and moves nothing until asked", () => {
    const { result, rerender } = start([row("b"), row("a")]);
    rerender({ items: [row("c"), row("b"), row("a")], key: "all" });
    expect(result.current.rows.map(({ id }) => id)).toEqual(["b", "a"]);
    expect(result.current.newCount).toBe(1);
    act(() => result.current.showNew());
    expect(result.current.rows.map(({ id }) => id)).toEqual(["c", "b", "a"]);
    expect(result.current.newCount).toBe(0);
  });

  it("changes rows in place and keeps the last version of those that left", () => {
    const { result, rerender } = start([row("b"), row("a")]);
    rerender({ items: [row("b", "RUNNING")], key: "all" });
    expect(result.current.rows).toEqual([row("b", "RUNNING"), row("a")]);
    rerender({ items: [row("b", "SUCCEEDED")], key: "all" });
    expect(result.current.rows).toEqual([row("b", "SUCCEEDED"), row("a")]);
    expect([...result.current.gone]).toEqual([row("a")]);
    act(() => result.current.showNew());
    expect(result.current.gone.size).toBe(0);
  });

  it("shows everything at once under another filter, and where nothing stood before", () => {
    const { result, rerender } = start([]);
    rerender({ items: [row("a")], key: "all" });
    expect(result.current.rows).toHaveLength(1);
    rerender({ items: [row("x"), row("y")], key: "other" });
    expect(result.current.rows.map(({ id }) => id)).toEqual(["x", "y"]);
    rerender({ items: [], key: "empty" });
    expect(result.current.rows).toEqual([]);
  });
});
