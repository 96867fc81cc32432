// A job as the API answers it, for tests.
import type { Effect, JobDetail } from "@/lib/api/types";

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
  effects_total: 0,
  in_doubt: null,
  dead_letter: null,
};

const OPEN: Effect = {
  ordinal: 1,
  name: "charge",
  effects: "unsafe",
  state: "open",
  key: "01a20612-0dbd-765e-8fd0-fd03854dfd08.1.5f2c90aa",
  tries: 1,
  lease_no: 1,
  opened_at: "2026-11-23T12:00:00Z",
  closed_at: null,
  closed_by: null,
  note: null,
  repeat_until: null,
  request_hash: "5f2c90aa",
  result: null,
  result_bytes: null,
};

/** An open, unsafe effect, but for what `facts` says. */
export function effectWith(facts: Partial<Effect>): Effect {
  return { ...OPEN, ...facts };
}

/** A READY demo.echo job, but for what `facts` says. */
export function jobWith(facts: Partial<JobDetail>): JobDetail {
  return { ...PLAIN, ...facts };
}
