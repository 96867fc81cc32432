// The same question or the same job again, as a command for a terminal.
import type { JobsAsked } from "@/lib/api/queries";
import type { JobDetail } from "@/lib/api/types";
import { stringifyJson } from "@/lib/json";

const KEY = '  -H "Authorization: Bearer $EASYFLOW_API_KEY" \\\n';

/** List the same jobs with curl; `origin` is where the API is reached. */
export function listCurl(origin: string, secured: boolean, asked: JobsAsked): string {
  const query = new URLSearchParams(Object.entries(asked).map(([name, value]) => [name, String(value)])).toString();
  const address = `${origin}/api/v1/jobs${query ? `?${query}` : ""}`;
  return `curl -sS \\\n${secured ? KEY : ""}  ${quoted(address)}`;
}

/**
 * Submit a job like this one with curl: same task, payload, queue, keys, tags and limits, and no idempotency key, so
 * each call makes a new job. The body stands between two lines, where no shell reads it.
 */
export function submitCurl(origin: string, secured: boolean, job: JobDetail): string {
  const said = {
    task: job.task,
    payload: job.payload,
    queue: job.queue,
    priority: job.priority || undefined,
    concurrency_key: job.concurrency_key ?? undefined,
    ordering_key: job.ordering_key ?? undefined,
    max_attempts: job.max_attempts ?? undefined,
    timeout_seconds: job.timeout_seconds ?? undefined,
    tags: job.tags.length ? job.tags : undefined,
  };
  return `curl -sS ${quoted(`${origin}/api/v1/jobs`)} \\\n${secured ? KEY : ""}  -H 'Content-Type: application/json' --data-binary @- <<'JSON'\n${stringifyJson(said)}\nJSON`;
}

/** Show a job in a terminal. */
export function showCommand(id: string): string {
  return `easyflow jobs show ${id}`;
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
