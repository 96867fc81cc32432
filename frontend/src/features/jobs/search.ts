// The filters of the job list and the open attempt of a job, as they stand in the URL.
import * as z from "zod/mini";

import { STATES } from "@/lib/api/types";
import { pageParams, searchValidator, textParam, wordParam } from "@/lib/search";

export const SPANS = ["1h", "24h", "7d"] as const;
export type Span = (typeof SPANS)[number];

const MOMENT = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)$/;
const momentParam = z.catch(z.optional(z.string().check(z.regex(MOMENT), z.refine((text) => !Number.isNaN(Date.parse(text))))), undefined);
const attemptParam = z.catch(z.optional(z.int().check(z.minimum(1))), undefined);

const readJobs = searchValidator(
  z.object({ state: wordParam(STATES), task: textParam, queue: textParam, tag: textParam, since: wordParam(SPANS), created_after: momentParam, ...pageParams }),
);

export type JobsSearch = ReturnType<typeof readJobs>;

/** The filters in an address; an exact moment wins over a span, so that one of them decides. */
export function jobsSearch(search: Record<string, unknown>): JobsSearch {
  const { since, ...read } = readJobs(search);
  return read.created_after || !since ? read : { ...read, since };
}

export const jobSearch = searchValidator(z.object({ attempt: attemptParam }));
