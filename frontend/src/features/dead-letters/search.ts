// The filters of the dead letters and what is unfolded of one, as they stand in the URL.
import * as z from "zod/mini";

import { pageParams, searchValidator, textParam, wordParam } from "@/lib/search";

/** Open ones are the default and need no word. */
export const deadLettersSearch = searchValidator(
  z.object({ state: wordParam(["discarded", "replayed"]), task: textParam, queue: textParam, tag: textParam, reason: textParam, ...pageParams }),
);

export type DeadLettersSearch = ReturnType<typeof deadLettersSearch>;

export type Filter = "task" | "queue" | "tag" | "reason";

const FILTERS: readonly Filter[] = ["task", "queue", "tag", "reason"];

/** Whether anything but the state narrows the list. */
export function isFiltered(search: DeadLettersSearch): boolean {
  return FILTERS.some((name) => search[name] !== undefined);
}

/** The search with some filters changed: always its first page. */
export function refiltered(search: DeadLettersSearch, change: Partial<DeadLettersSearch>): DeadLettersSearch {
  return { ...search, ...change, cursor: undefined, back: undefined };
}

/** The attempt whose traceback is unfolded on the page of one dead letter. */
export const deadLetterSearch = searchValidator(z.object({ attempt: z.catch(z.optional(z.int().check(z.minimum(1))), undefined) }));
