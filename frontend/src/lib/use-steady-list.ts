// A live list whose rows do not move under the pointer: rows change in place, new ones wait behind a pill.
import { useState } from "react";

export interface SteadyList<T> {
  rows: T[];
  newCount: number;
  /** Rows that are shown in their last version because the latest answer no longer holds them. */
  gone: ReadonlySet<T>;
  showNew: () => void;
}

/**
 * Keep the order of `items` as first shown under `key` (the filter and page); later versions of shown rows take their
 * place, rows that left keep their last version, rows that arrived are counted until `showNew`.
 */
export function useSteadyList<T>(items: readonly T[], idOf: (item: T) => string, key: string): SteadyList<T> {
  const [shown, setShown] = useState<{ key: string; rows: readonly T[] }>({ key, rows: items });
  const fresh = shown.key !== key || shown.rows.length === 0;
  const rows = fresh ? items : refreshed(shown.rows, items, idOf);
  // Adjusting state while rendering is React's own way to follow a changed input without a second paint.
  if (shown.key !== key || changed(rows, shown.rows)) setShown({ key, rows });
  const known = new Set(rows.map(idOf));
  const current = new Set(items.map(idOf));
  return {
    rows: [...rows],
    newCount: items.filter((item) => !known.has(idOf(item))).length,
    gone: new Set(rows.filter((row) => !current.has(idOf(row)))),
    showNew: () => setShown({ key, rows: items }),
  };
}

function refreshed<T>(rows: readonly T[], items: readonly T[], idOf: (item: T) => string): readonly T[] {
  const latest = new Map(items.map((item) => [idOf(item), item]));
  return rows.map((row) => latest.get(idOf(row)) ?? row);
}

function changed<T>(rows: readonly T[], before: readonly T[]): boolean {
  return rows.length !== before.length || rows.some((row, index) => row !== before[index]);
}
