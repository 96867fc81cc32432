// From the filters in the URL to the question for the API, and to the curl that asks the same.
import type { JobsSearch, Span } from "./search";
import type { JobsAsked } from "@/lib/api/queries";
import { compact } from "@/lib/search";

const HOUR = 3_600_000;

export const SPAN_MILLISECONDS: Record<Span, number> = { "1h": HOUR, "24h": 24 * HOUR, "7d": 7 * 24 * HOUR };

/** What to ask the API for; a span is not part of it, for its beginning moves with the clock. */
export function askedOf({ state, task, queue, tag, created_after, cursor }: JobsSearch): JobsAsked {
  return compact({ state, task, queue, tag, created_after, cursor });
}

/** How far back the list goes, in milliseconds; undefined without a span. */
export function ageOf({ since }: JobsSearch): number | undefined {
  return since && SPAN_MILLISECONDS[since];
}

/** Set or drop filters; the list begins at its first page again. */
export function filtered(search: JobsSearch, change: Partial<JobsSearch>): JobsSearch {
  return compact({ ...search, ...change, cursor: undefined, back: undefined });
}

/** Whether anything is filtered. */
export function isFiltered({ state, task, queue, tag, since, created_after }: JobsSearch): boolean {
  return Boolean(state ?? task ?? queue ?? tag ?? since ?? created_after);
}

/** What would make a question narrower, most useful first; empty when every filter is set. */
export function narrowing(search: JobsSearch): string[] {
  const wishes: [boolean, string][] = [
    [!search.since && !search.created_after, "a time"],
    [!search.state, "a state"],
    [!search.tag, "a tag"],
    [!search.queue, "a queue"],
  ];
  return wishes.filter(([open]) => open).map(([, wish]) => wish);
}

const pad = (value: number) => String(value).padStart(2, "0");

/** A moment as the browser's date and time field wants it, in the zone the person chose. */
export function fieldOf(iso: string, zone: "local" | "utc"): string {
  const at = new Date(iso);
  if (zone === "utc") return at.toISOString().slice(0, 16);
  return `${at.getFullYear()}-${pad(at.getMonth() + 1)}-${pad(at.getDate())}T${pad(at.getHours())}:${pad(at.getMinutes())}`;
}

/** The moment a date and time field says, in UTC; undefined while it is incomplete. */
export function momentOf(field: string, zone: "local" | "utc"): string | undefined {
  const at = new Date(zone === "utc" ? `${field}Z` : field);
  return !/^\d{4}-\d\d-\d\dT\d\d:\d\d/.test(field) || Number.isNaN(at.getTime()) ? undefined : at.toISOString().replace(/:00\.000Z$/, ":00Z");
}
