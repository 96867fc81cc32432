// State in the URL: schemas that never fail on a hand-typed address, and defaults that stay out of it.
import * as z from "zod/mini";

/** A text parameter; empty, too long or of another type counts as not given. Numbers typed as text stay text. */
export const textParam = z.catch(
  z.optional(z.pipe(z.pipe(z.union([z.string(), z.number()]), z.transform(String)), z.string().check(z.minLength(1), z.maxLength(200)))),
  undefined,
);

/** One of some words; anything else counts as not given. */
export function wordParam<const T extends readonly [string, ...string[]]>(words: T) {
  return z.catch(z.optional(z.enum(words)), undefined);
}

/** The keyset place of a page of a list, and the places of the pages before it, joined by dots. */
export const pageParams = {
  cursor: textParam,
  back: z.catch(z.optional(z.string().check(z.regex(/^[\w.-]{0,8000}$/))), undefined),
};

export interface PageSearch {
  cursor?: string;
  back?: string;
}

const FIRST = "first";

/** The search of the next, older page. */
export function olderPage(search: PageSearch, nextCursor: string): PageSearch {
  const here = search.cursor ?? FIRST;
  return { cursor: nextCursor, back: search.back ? `${search.back}.${here}` : here };
}

/** The search of the page before; of the first page when the way back is not known. */
export function newerPage(search: PageSearch): PageSearch {
  const way = search.back?.split(".") ?? [];
  const before = way.pop();
  return { cursor: before === FIRST ? undefined : before, back: way.length ? way.join(".") : undefined };
}

/** What to ask the API for: the search without the way back, which only the page needs. */
export function askedOf<T extends PageSearch>(search: T): Omit<T, "back"> {
  const asked = { ...search };
  delete asked.back;
  return asked;
}

/** Drop what is undefined or empty, so that the address stays short and equal searches look equal. */
export function compact<T extends object>(search: T): T {
  return Object.fromEntries(
    Object.entries(search).filter(([, value]) => value !== undefined && value !== ""),
  ) as T;
}

/** Make a route's search validator from a schema: unknown parameters vanish, wrong ones count as not given. */
export function searchValidator<T extends object>(schema: { parse: (value: unknown) => T }): (search: Record<string, unknown>) => T {
  return (search) => compact(schema.parse(search));
}
