// What is going on with a job, in one title and one sentence, for whoever opens its page.
import { doubtOf } from "./settling";
import type { Tone } from "@/components/ui/tones";
import type { JobDetail, Queue, Worker } from "@/lib/api/types";
import { countOf } from "@/lib/numbers";
import { formatDuration } from "@/lib/time";

export interface Story {
  tone: Tone;
  title: string;
  text: string | null;
}

/** What is known besides the job itself; undefined while it is not known. */
export interface Surroundings {
  queue: Queue | undefined;
  workers: readonly Worker[] | undefined;
}

const ENDS: Record<string, string> = {
  "handler gave up": "The handler said that trying again is no use.",
  "attempts exhausted": "The last attempt that was allowed failed.",
  "timed out, outcome unknown": "It ran longer than its timeout and was cut off; whether its effects happened is not known, so it is not run again by itself.",
  lost: "Its executor died each time it ran this job, so the job was set aside.",
  "lost, outcome unknown": "Its executor vanished while it ran; whether its effects happened is not known, so it is not run again by itself.",
  "settled as failed": "Whether its effects happened was not known, and a person let it fail.",
  "never started": "It was claimed again and again by executors that died before they began it.",
};

/** Tell a job's present in words; what comes with it (error, progress, times) stands beside it. */
export function storyOf(job: JobDetail, around: Surroundings): Story {
  const tries = job.retry_count ? ` after ${countOf(job.retry_count, "retry", "retries")}` : "";
  switch (job.state) {
    case "RUNNING":
      return { tone: "blue", title: "It runs now", text: job.retry_count ? `${countOf(job.retry_count, "attempt")} failed before this one.` : null };
    case "READY":
      return waiting(job, around);
    case "SCHEDULED":
      return job.retry_count
        ? { tone: "amber", title: "It failed and runs again", text: `${countOf(job.retry_count, "attempt")} failed${job.max_attempts ? ` of at most ${job.max_attempts}` : ""}.` }
        : { tone: "neutral", title: "It is not due yet", text: "It starts by itself at its time." };
    case "BLOCKED":
      return { tone: "neutral", title: "It waits for its turn", text: blocked(job) };
    case "WAITING":
      return { tone: "violet", title: "It waits for something outside", text: null };
    case "IN_DOUBT":
      return { tone: "amber", title: "It is in doubt", text: `${doubtOf(job)} A person has to look there.` };
    case "SUCCEEDED":
      return { tone: "green", title: `It succeeded${tries}`, text: succeeded(job) };
    case "FAILED":
      return { tone: "red", title: `It failed${tries}`, text: (job.dead_letter && ENDS[job.dead_letter.reason]) ?? null };
    case "CANCELLED":
      return { tone: "neutral", title: "It was cancelled", text: null };
    case "SKIPPED":
      return { tone: "neutral", title: "It was skipped", text: "Nothing of it ran." };
  }
}

function succeeded({ attempts, started_at: started, finished_at: finished }: JobDetail): string | null {
  if (attempts.at(-1)?.outcome === "in_doubt") return "A person said that it had happened, and completed it.";
  return started && finished ? `The attempt that worked took ${formatDuration(Date.parse(finished) - Date.parse(started))}.` : null;
}

function waiting(job: JobDetail, { queue, workers }: Surroundings): Story {
  if (queue?.paused) return { tone: "amber", title: "Its queue is paused", text: `It starts when someone resumes ${job.queue}.` };
  const able = workers?.some((worker) => worker.state === "live" && worker.queues.includes(job.queue) && worker.tasks.includes(job.task));
  if (able === false) return { tone: "amber", title: "No worker can start it", text: `No live worker serves the queue ${job.queue} and knows ${job.task}.` };
  return { tone: "teal", title: "It is ready", text: "The next free executor starts it." };
}

function blocked({ ordering_key: order, concurrency_key: key }: JobDetail): string {
  if (order !== null) return `Jobs with the ordering key ${order} run one after another; those before it have not ended yet.`;
  return key === null ? "What it waits for has not ended yet." : `As many jobs with the concurrency key ${key} run already as its queue allows at once.`;
}

/** Why a job cannot be cancelled now; null when it can. */
export function whyNotCancel(job: JobDetail, asked: boolean): string | null {
  if (asked) return "It was asked to stop already; its executor ends it.";
  return job.finished_at ? `It has ended already: ${job.state}.` : null;
}

/** Why a job cannot be started early; null when it can. */
export function whyNotRunNow(job: JobDetail): string | null {
  if (job.state === "SCHEDULED") return null;
  if (job.state === "READY") return "It may start already: nothing holds it back but a free executor.";
  return job.finished_at ? `It has ended already: ${job.state}.` : `Only a scheduled job can be started early; this one is ${job.state}.`;
}
