import { describe, expect, it } from "vitest";

import { effectWith, jobWith } from "@/testing/job";
import { storyOf, whyNotCancel, whyNotRunNow } from "./story";
import type { Queue, Worker } from "@/lib/api/types";

const nothing = { queue: undefined, workers: undefined };
const queue = { name: "default", paused: true } as Queue;
const worker = (state: Worker["state"], tasks: string[]) => ({ state, queues: ["default"], tasks }) as Worker;

describe("a job's story", () => {
  it("says why a ready job does not start", () => {
    const job = jobWith({ state: "READY" });
    expect(storyOf(job, nothing).title).toBe("It is ready");
    expect(storyOf(job, { queue, workers: [] }).text).toBe("It starts when someone resumes default.");
    expect(storyOf(job, { queue: undefined, workers: [worker("stopped", ["demo.echo"]), worker("live", ["other"])] }).title).toBe("No worker can start it");
    expect(storyOf(job, { queue: undefined, workers: [worker("live", ["demo.echo"])] }).title).toBe("It is ready");
  });

  it("tells a first time from a retry", () => {
    expect(storyOf(jobWith({ state: "SCHEDULED" }), nothing).title).toBe("It is not due yet");
    expect(storyOf(jobWith({ state: "SCHEDULED", retry_count: 1, max_attempts: 3 }), nothing)).toMatchObject({ title: "It failed and runs again", text: "1 attempt failed of at most 3." });
  });

  it("names the key a blocked job waits for", () => {
    expect(storyOf(jobWith({ state: "BLOCKED", ordering_key: "customer-7" }), nothing).text).toContain("ordering key customer-7");
    expect(storyOf(jobWith({ state: "BLOCKED", concurrency_key: "tenant" }), nothing).text).toContain("concurrency key tenant");
  });

  it("does not tell of an attempt that worked where a person completed the job", () => {
    const times = { started_at: "2026-11-23T12:00:00Z", finished_at: "2026-11-23T12:00:02Z" };
    expect(storyOf(jobWith({ state: "SUCCEEDED", ...times }), nothing).text).toBe("The attempt that worked took 2.0 s.");
    const completed = jobWith({ state: "SUCCEEDED", ...times, attempts: [{ outcome: "in_doubt" } as never] });
    expect(storyOf(completed, nothing).text).toContain("A person said that it had happened");
  });

  it("names what is in doubt", () => {
    expect(storyOf(jobWith({ state: "IN_DOUBT", effects: [effectWith({ name: "charge" })] }), nothing).text).toContain("Its effect charge may or may not have happened.");
  });

  it("explains the rule that ended a failed job, and its retries", () => {
    const dead = jobWith({ state: "FAILED", retry_count: 2, dead_letter: { reason: "attempts exhausted" } as never });
    expect(storyOf(dead, nothing)).toEqual({ tone: "red", title: "It failed after 2 retries", text: "The last attempt that was allowed failed." });
    expect(storyOf(jobWith({ state: "FAILED" }), nothing).text).toBeNull();
  });
});

describe("an act that cannot be done", () => {
  it("says why, and nothing when it can", () => {
    const ended = jobWith({ state: "SUCCEEDED", finished_at: "2026-11-23T12:00:01Z" });
    expect(whyNotCancel(jobWith({ state: "RUNNING" }), false)).toBeNull();
    expect(whyNotCancel(jobWith({ state: "RUNNING" }), true)).toContain("asked to stop already");
    expect(whyNotCancel(ended, false)).toBe("It has ended already: SUCCEEDED.");
    expect(whyNotRunNow(jobWith({ state: "SCHEDULED" }))).toBeNull();
    expect(whyNotRunNow(jobWith({ state: "BLOCKED" }))).toContain("this one is BLOCKED");
    expect(whyNotRunNow(ended)).toBe("It has ended already: SUCCEEDED.");
  });
});
