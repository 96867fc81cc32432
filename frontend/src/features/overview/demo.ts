// The nightly posting demo as the page sees it: started once, followed by its tag, its totals counted by a job.
import { queryOptions } from "@tanstack/react-query";

import { answered, api } from "@/lib/api/client";
import { keys } from "@/lib/api/keys";
import { submitAndAwait, submitJob } from "@/lib/api/submit";
import { type Job, type JobDetail, type State, type Total, hasEnded } from "@/lib/api/types";

export const START = "demo.start";
export const TOTALS = "mainframe.totals";
export const TAG = "mainframe";
const POST = "mainframe.post_transaction";
const KEY = "demo/mainframe";

export interface Night {
  /** The job that loads the files; null while nobody started the night. */
  start: Job | null;
  posted: Total;
  notPosted: Total;
  all: Total;
  /** The latest count of the totals; null when none was made. */
  totals: JobDetail | null;
}

/** Where the night stands; stale whenever jobs are. */
export const nightQuery = queryOptions({
  queryKey: keys.demo,
  queryFn: async ({ signal }): Promise<Night> => {
    const [start, posted, notPosted, all, counts] = await Promise.all([
      latest(START, signal),
      total("SUCCEEDED", signal),
      total("FAILED", signal),
      total(undefined, signal),
      latest(TOTALS, signal),
    ]);
    const detail = counts && answered(api.GET("/api/v1/jobs/{job_id}", { params: { path: { job_id: counts.id } }, signal }));
    return { start, posted, notPosted, all, totals: await detail };
  },
});

/** Start the night unless it was; one that failed or was cancelled is followed by another, which adds what is missing. */
export async function startNight(): Promise<Job> {
  let job = await submitJob(START, {}, KEY);
  while (job.state === "FAILED" || job.state === "CANCELLED") job = await submitJob(START, {}, `${KEY} after ${job.id}`);
  return job;
}

/** Count the totals by a job, and wait for it; the same `key` again answers with the count made then. */
export function countTotals(key: string): Promise<JobDetail> {
  return submitAndAwait(TOTALS, {}, key);
}

/** How far the night is: nothing started, loading its files, posting, or all through. */
export function stageOf({ start, posted, notPosted, all }: Night): "idle" | "loading" | "failed" | "posting" | "through" {
  if (!start) return "idle";
  if (start.state === "FAILED" || start.state === "CANCELLED") return "failed";
  if (!hasEnded(start.state)) return "loading";
  return posted.value + notPosted.value < all.value ? "posting" : "through";
}

export interface Part {
  jobs: number;
  amount: string;
}

export interface Totals {
  posted: Part | null;
  not_posted: Part | null;
  balances: string | null;
}

/** Read the result of a count; null when there is none. */
export function totalsOf(job: JobDetail | null): Totals | null {
  const result = job?.state === "SUCCEEDED" ? (job.result as Partial<Totals> | null) : null;
  if (!result) return null;
  return { posted: partOf(result.posted), not_posted: partOf(result.not_posted), balances: result.balances ? String(result.balances) : null };
}

function partOf(part: Part | null | undefined): Part | null {
  return part ? { jobs: Number(part.jobs), amount: String(part.amount) } : null;
}

async function latest(task: string, signal: AbortSignal): Promise<Job | null> {
  const { items } = await answered(api.GET("/api/v1/jobs", { params: { query: { task, limit: 1 } }, signal }));
  return items[0] ?? null;
}

async function total(state: State | undefined, signal: AbortSignal): Promise<Total> {
  const query = { tag: TAG, task: POST, state, limit: 1 };
  return (await answered(api.GET("/api/v1/jobs", { params: { query }, signal }))).total;
}
