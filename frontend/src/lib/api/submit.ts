// Submitting a job from a page, and waiting for its end.
import { answered, api } from "@/lib/api/client";
import { type Job, type JobDetail, hasEnded } from "@/lib/api/types";

const WAIT_SECONDS = 20;

/** Submit a job; the same `key` again answers with the job that is there already. */
export async function submitJob(task: string, payload: unknown, key: string): Promise<Job> {
  const job = await answered(api.POST("/api/v1/jobs", { body: { task, payload }, headers: { "Idempotency-Key": key } }));
  if ("expired" in job) throw new Error("That job was removed after its time; only its key is still kept.");
  return job;
}

/** Read a job, waiting up to 20 seconds for its end. */
export function awaitJob(id: string, signal?: AbortSignal): Promise<JobDetail> {
  return answered(
    api.GET("/api/v1/jobs/{job_id}", { params: { path: { job_id: id }, query: { wait_seconds: WAIT_SECONDS } }, signal }),
  );
}

/** Submit a job and wait up to a minute for its end; what it answers may still be running. */
export async function submitAndAwait(task: string, payload: unknown, key: string): Promise<JobDetail> {
  const { id } = await submitJob(task, payload, key);
  let job = await awaitJob(id);
  for (let waits = 1; waits < 3 && !hasEnded(job.state); waits += 1) job = await awaitJob(id);
  return job;
}
