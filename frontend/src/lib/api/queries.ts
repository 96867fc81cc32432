// The questions pages ask, each with its cache key; live topics make them stale, so none polls by itself.
import { keepPreviousData, queryOptions } from "@tanstack/react-query";

import { answered, api } from "@/lib/api/client";
import { keys } from "@/lib/api/keys";
import type { JobDetail, JobEvent, State, Total } from "@/lib/api/types";

const MINUTES_SHOWN = 60;

/** Everything at once for the Overview and the sidebar's counts. */
export const overviewQuery = queryOptions({
  queryKey: keys.overview,
  queryFn: ({ signal }) =>
    answered(api.GET("/api/v1/stats/overview", { params: { query: { minutes: MINUTES_SHOWN } }, signal })),
  // Minutes pass and jobs come due without an event.
  refetchInterval: 30_000,
});

export interface JobsAsked {
  state?: State;
  task?: string;
  queue?: string;
  tag?: string;
  created_after?: string;
  cursor?: string;
  limit?: number;
}

/**
 * One page of jobs, newest first; the page before stays visible while the next one loads. With `age` in milliseconds
 * the jobs of that time up to the present, whenever it is asked.
 */
export function jobsQuery(asked: JobsAsked, age?: number) {
  return queryOptions({
    queryKey: keys.jobs.list({ ...asked, age }),
    queryFn: ({ signal }) => {
      const since = age === undefined ? {} : { created_after: new Date(Date.now() - age).toISOString() };
      return answered(api.GET("/api/v1/jobs", { params: { query: { ...asked, ...since } }, signal }));
    },
    placeholderData: keepPreviousData,
  });
}

/** Read a job as it is now, without touching what the page shows. */
export function readJob(id: string, signal?: AbortSignal): Promise<JobDetail> {
  return answered(api.GET("/api/v1/jobs/{job_id}", { params: { path: { job_id: id } }, signal }));
}

/** Read what happened to a job, oldest first, without touching what the page shows. */
export function readEvents(id: string, signal?: AbortSignal): Promise<{ items: JobEvent[]; total: Total }> {
  return answered(api.GET("/api/v1/jobs/{job_id}/events", { params: { path: { job_id: id } }, signal }));
}

/** One job with attempts, payload and result. */
export function jobQuery(id: string) {
  return queryOptions({ queryKey: keys.jobs.detail(id), queryFn: ({ signal }) => readJob(id, signal) });
}

/** What happened to a job, oldest first. */
export function jobEventsQuery(id: string) {
  return queryOptions({ queryKey: keys.jobs.events(id), queryFn: ({ signal }) => readEvents(id, signal) });
}

export interface DeadLettersAsked {
  state?: "open" | "discarded" | "replayed";
  task?: string;
  queue?: string;
  tag?: string;
  reason?: string;
  cursor?: string;
  limit?: number;
}

/** One page of dead letters, newest job first. */
export function deadLettersQuery(asked: DeadLettersAsked) {
  return queryOptions({
    queryKey: keys.deadLetters.list(asked),
    queryFn: ({ signal }) => answered(api.GET("/api/v1/dead-letters", { params: { query: asked }, signal })),
    placeholderData: keepPreviousData,
  });
}

/** One dead letter with payload, traceback and attempts. */
export function deadLetterQuery(id: string) {
  return queryOptions({
    queryKey: keys.deadLetters.detail(id),
    queryFn: ({ signal }) =>
      answered(api.GET("/api/v1/dead-letters/{job_id}", { params: { path: { job_id: id } }, signal })),
  });
}

/** All queues by name. */
export const queuesQuery = queryOptions({
  queryKey: keys.queues,
  queryFn: ({ signal }) => answered(api.GET("/api/v1/queues", { signal })),
});

/** The latest workers, newest first. */
export const workersQuery = queryOptions({
  queryKey: keys.workers,
  queryFn: ({ signal }) => answered(api.GET("/api/v1/workers", { signal })),
  // A worker that falls silent sends no event.
  refetchInterval: 30_000,
});

/** The registered tasks by name, with their schemas. */
export const tasksQuery = queryOptions({
  queryKey: keys.tasks,
  queryFn: ({ signal }) => answered(api.GET("/api/v1/tasks", { signal })),
});

/** What a text in the search box may mean. */
export function lookupQuery(text: string) {
  return queryOptions({
    queryKey: keys.lookup(text),
    queryFn: ({ signal }) => answered(api.GET("/api/v1/lookup", { params: { query: { q: text } }, signal })),
    staleTime: 5_000,
  });
}
