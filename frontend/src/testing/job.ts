// A job as the API answers it, for tests.
import type { JobDetail } from "@/lib/api/types";

const PLAIN: JobDetail = {
  id: "01a20612-0dbd-765e-8fd0-fd03854dfd08",
  task: "demo.echo",
  state: "READY",
  queue: "default",
  priority: 0,
  retry_count: 0,
  last_error: null,
  version: null,
  tags: [],
  created_at: "2026-11-23T12:00:00Z",
  run_at: "2026-11-23T12:00:00Z",
  started_at: null,
  finished_at: null,
  run_id: null,
  step: null,
  concurrency_key: null,
  ordering_key: null,
  max_attempts: null,
  timeout_seconds: null,
  payload: {},
  result: null,
  progress: null,
  attempts: [],
  effects: [],
  dead_letter: null,
};

/** A READY demo.echo job, but for what `facts` says. */
export function jobWith(facts: Partial<JobDetail>): JobDetail {
  return { ...PLAIN, ...facts };
}
