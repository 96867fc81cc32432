// The acts on one job; each asks the pages anew that its topic concerns, whatever came of it.
import { useMutation, useQueryClient } from "@tanstack/react-query";

import { answered, api } from "@/lib/api/client";
import { keys, staleKeys } from "@/lib/api/keys";
import type { Job, JobDetail } from "@/lib/api/types";
import { shortId } from "@/lib/ids";
import { toastDone } from "@/lib/toasts";

export type Act = "cancel" | "run-now";

/** Cancel a job or start it early; `onDone` follows an act that was done. */
export function useActOnJob(act: Act, job: JobDetail, onDone: () => void) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (reason: string) => {
      const said = { params: { path: { job_id: job.id } }, body: reason ? { reason } : {} };
      return answered<Job>(act === "cancel" ? api.POST("/api/v1/jobs/{job_id}/cancel", said) : api.POST("/api/v1/jobs/{job_id}/run-now", said));
    },
    onSuccess: (after) => {
      toastDone(doneText(act, after), job.task);
      client.setQueryData<JobDetail>(keys.jobs.detail(job.id), (before) => before && { ...before, state: after.state, run_at: after.run_at, finished_at: after.finished_at });
      onDone();
    },
    // A refusal means that the job moved meanwhile: show where it is.
    onSettled: () => Promise.all(staleKeys(["jobs"]).map((queryKey) => client.invalidateQueries({ queryKey }))),
  });
}

function doneText(act: Act, { id, state }: Job): string {
  if (act === "run-now") return `Job ${shortId(id)} may start now`;
  return state === "CANCELLED" ? `Job ${shortId(id)} is cancelled` : `Job ${shortId(id)} was asked to stop`;
}
