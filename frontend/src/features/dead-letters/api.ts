// Acts on dead letters: each names the version the person looked at, so that of two people one wins.
import { type QueryClient, useMutation, useQueryClient } from "@tanstack/react-query";

import type { Act } from "./commands";
import { sendOnce } from "@/lib/api/acts";
import { answered, api } from "@/lib/api/client";
import { keys } from "@/lib/api/keys";
import type { DeadLetterDetail } from "@/lib/api/types";
import { shortId } from "@/lib/ids";
import { toastDone } from "@/lib/toasts";

/** Send one act; throws an ApiError with status 409 when the dead letter is no longer as it was seen. */
export function send(act: Act): Promise<unknown> {
  const { verb, jobId, seenVersion, reason, edited } = act;
  const params = { path: { job_id: jobId } };
  const said = { reason, seen_version: seenVersion };
  return sendOnce(act, async (headers): Promise<unknown> => {
    if (verb === "discard") return answered(api.POST("/api/v1/dead-letters/{job_id}/discard", { params, body: said, headers }));
    return answered(api.POST("/api/v1/dead-letters/{job_id}/replay", { params, body: { ...said, ...edited }, headers }));
  });
}

/** Ask anew for everything that an act on dead letters changes; resolves when the shown page is up to date. */
export function refresh(client: QueryClient): Promise<unknown> {
  return Promise.all([keys.deadLetters.all, keys.jobs.all, keys.overview].map((queryKey) => client.invalidateQueries({ queryKey })));
}

/** Act on the one dead letter of a page; a note says what was done once the page shows it. */
export function useAct(onDone: (act: Act) => void) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: send,
    onSuccess: async (_answer, act) => {
      // What the cache holds of the job is from before the act: shown now, it would look as if it had failed again.
      client.removeQueries({ queryKey: keys.jobs.detail(act.jobId), type: "inactive" });
      await refresh(client);
      if (act.verb === "replay") toastDone("1 job is replayed", `It runs again${act.edited ? " with the edited payload" : ""}, under the same id, ${shortId(act.jobId)}.`);
      else toastDone("1 dead letter is discarded", "Its job stays failed; nothing runs again.");
      onDone(act);
    },
  });
}

/** Read a dead letter as it is now, without touching what the page shows. */
export function readNow(jobId: string, signal?: AbortSignal): Promise<DeadLetterDetail> {
  return answered(api.GET("/api/v1/dead-letters/{job_id}", { params: { path: { job_id: jobId } }, signal }));
}
