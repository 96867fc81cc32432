// The acts on one job; each asks the pages anew that its topic concerns, whatever came of it.
import { type QueryClient, useMutation, useQueryClient } from "@tanstack/react-query";
import { useRef } from "react";

import { answered, api } from "@/lib/api/client";
import { keys, staleKeys } from "@/lib/api/keys";
import type { Job, JobDetail, Settle } from "@/lib/api/types";
import { newIdempotencyKey, shortId } from "@/lib/ids";
import { stringifyJson } from "@/lib/json";
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
    onSettled: () => refreshJob(client),
  });
}

/** Ask anew for everything that an act on a job changes; resolves when the shown page is up to date. */
export function refreshJob(client: QueryClient): Promise<unknown> {
  return Promise.all(staleKeys(["jobs", "dead-letters"]).map((queryKey) => client.invalidateQueries({ queryKey })));
}

const SETTLED: Record<Settle["outcome"], string> = { happened: "It is recorded as done.", did_not_happen: "It is done now, with the same key.", failed: "It waits as a dead letter." };

/** Settle a job in doubt; `onDone` follows once the page shows where it is. */
export function useSettle(job: JobDetail, onDone: () => void) {
  const client = useQueryClient();
  const last = useRef({ said: "", key: "" });
  return useMutation({
    mutationFn: (said: Settle) => {
      // The same words sent again, behind a lost answer, are the same act.
      const words = stringifyJson(said);
      if (last.current.said !== words) last.current = { said: words, key: newIdempotencyKey() };
      const headers = { "Idempotency-Key": last.current.key };
      return answered<Job>(api.POST("/api/v1/jobs/{job_id}/settle", { params: { path: { job_id: job.id } }, body: said, headers }));
    },
    onSuccess: async (_answer, { outcome, complete }) => {
      await refreshJob(client);
      toastDone(`Job ${shortId(job.id)} is settled`, complete ? "It succeeded; its handler does not run again." : SETTLED[outcome]);
      onDone();
    },
  });
}

function doneText(act: Act, { id, state }: Job): string {
  if (act === "run-now") return `Job ${shortId(id)} may start now`;
  return state === "CANCELLED" ? `Job ${shortId(id)} is cancelled` : `Job ${shortId(id)} was asked to stop`;
}
