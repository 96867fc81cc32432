// A dense table: sticky head, rows one can walk with j and k and open with Enter, optional selection.
import { type MouseEvent, type ReactNode, useRef } from "react";

import { Skeleton } from "@/components/ui/States";
import { useRowKeys } from "@/components/ui/use-row-keys";
import { cx } from "@/lib/cx";

export interface Column<T> {
  id: string;
  header: ReactNode;
  cell: (row: T) => ReactNode;
  /** Right-aligned. */
  numeric?: boolean;
  /** Hidden on narrow screens, where the row's own page says it. */
  hideBelow?: "sm" | "md" | "lg";
  className?: string;
}

export interface Selection {
  ids: ReadonlySet<string>;
  onChange: (ids: ReadonlySet<string>) => void;
}

interface DataTableProps<T> {
  /** What the table lists, for screen readers. */
  label: string;
  rows: readonly T[] | undefined;
  columns: readonly Column<T>[];
  rowId: (row: T) => string;
  /** Shown instead of rows when there are none. */
  empty?: ReactNode;
  selection?: Selection;
  /** Rows to sketch while `rows` is undefined. */
  skeletonRows?: number;
  /** Dimmed while the shown page is not the one asked for. */
  stale?: boolean;
  /** Whether a row is shown as it was, not as it is now. */
  isOld?: (row: T) => boolean;
}

const HIDE = { sm: "hidden sm:table-cell", md: "hidden md:table-cell", lg: "hidden lg:table-cell" };

/**
 * A table of `rows`. The element marked `data-row-link` in a row, a Link, opens it: by itself, by a click anywhere in
 * the row, and by Enter after j or k moved there. x selects when there is a `selection`.
 */
export function DataTable<T>({ label, rows, columns, rowId, empty, selection, skeletonRows = 8, stale, isOld }: DataTableProps<T>) {
  const body = useRef<HTMLTableSectionElement>(null);
  const toggle = (id: string) => selection?.onChange(toggled(selection.ids, id));
  useRowKeys(body, toggle);
  if (rows?.length === 0 && empty) return empty;
  const styleOf = (column: Column<T>) => cx("px-2 first:pl-4 last:pr-4 sm:px-3", column.numeric && "text-right", column.hideBelow && HIDE[column.hideBelow], column.className);
  return (
    <div className="max-lg:overflow-x-auto" aria-busy={rows === undefined || stale || undefined}>
      <table aria-label={label} className={cx("w-full border-separate border-spacing-0 transition-opacity", stale && "opacity-60")}>
        <thead>
          <tr className="text-left text-xs text-ink-3 [&>th]:h-8 [&>th]:text-ink-3! lg:[&>th]:sticky lg:[&>th]:top-12 lg:[&>th]:z-10 [&>th]:border-b [&>th]:bg-surface [&>th]:font-medium [&>th]:whitespace-nowrap">
            {selection ? <th className="w-8 pl-4"><SelectAll rows={rows ?? []} rowId={rowId} selection={selection} /></th> : null}
            {columns.map((column) => <th key={column.id} scope="col" className={styleOf(column)}>{column.header}</th>)}
          </tr>
        </thead>
        <tbody ref={body}>
          {rows
            ? rows.map((row) => {
                const id = rowId(row);
                const chosen = selection?.ids.has(id);
                return (
                  <tr key={id} data-row-id={id} onClick={openRow} className={cx("group h-9 focus-within:bg-hover hover:bg-hover has-[[data-row-link]]:cursor-pointer [&>td]:border-b last:[&>td]:border-b-0", chosen && "bg-accent-soft", isOld?.(row) && "bg-sunken italic")}>
                    {selection ? (
                      <td className="w-8 pl-4">
                        <input type="checkbox" aria-label={`Select ${id}`} checked={chosen} onChange={() => toggle(id)} className="block size-4 accent-accent" />
                      </td>
                    ) : null}
                    {columns.map((column) => <td key={column.id} className={styleOf(column)}>{column.cell(row)}</td>)}
                  </tr>
                );
              })
            : Array.from({ length: skeletonRows }, (_, index) => (
                <tr key={index} className="h-9 [&>td]:border-b">
                  {selection ? <td /> : null}
                  {columns.map((column) => <td key={column.id} className={styleOf(column)}><Skeleton className={cx("h-3.5 w-16", column.numeric && "ml-auto w-8")} /></td>)}
                </tr>
              ))}
        </tbody>
      </table>
    </div>
  );
}

function SelectAll<T>({ rows, rowId, selection }: { rows: readonly T[]; rowId: (row: T) => string; selection: Selection }) {
  const all = rows.length > 0 && rows.every((row) => selection.ids.has(rowId(row)));
  return (
    <input
      type="checkbox"
      aria-label="Select all rows of this page"
      checked={all}
      onChange={() => selection.onChange(all ? new Set() : new Set(rows.map(rowId)))}
      className="block size-4 accent-accent"
    />
  );
}

function toggled(ids: ReadonlySet<string>, id: string): ReadonlySet<string> {
  const next = new Set(ids);
  if (!next.delete(id)) next.add(id);
  return next;
}

/** Open a row by a click beside its link, unless the click meant something else. */
function openRow(event: MouseEvent<HTMLTableRowElement>): void {
  const target = event.target as Element;
  if (target.closest("a, button, input, select, textarea, label, time, [role=menu]") || getSelection()?.toString()) return;
  const link = event.currentTarget.querySelector<HTMLElement>("[data-row-link]");
  link?.dispatchEvent(new globalThis.MouseEvent("click", { bubbles: true, cancelable: true, ctrlKey: event.ctrlKey, metaKey: event.metaKey }));
}
