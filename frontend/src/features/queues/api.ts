// Changing a queue: pausing it, letting it run, and its limits.
import { useMutation, useQueryClient } from "@tanstack/react-query";

import { answered, api } from "@/lib/api/client";
import { keys } from "@/lib/api/keys";
import type { Queue, QueueChange } from "@/lib/api/types";
import { toastDone } from "@/lib/toasts";

/** Change one queue; the list is asked anew, and a note says what was done. */
export function useChangeQueue(onDone: () => void) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ queue, change }: { queue: Queue; change: QueueChange }) =>
      answered(api.PATCH("/api/v1/queues/{name}", { params: { path: { name: queue.name } }, body: change })),
    onSuccess: (_settings, { queue, change }) => {
      toastDone(doneText(queue, change));
      onDone();
      return Promise.all([keys.queues, keys.overview].map((queryKey) => client.invalidateQueries({ queryKey })));
    },
  });
}

function doneText({ name }: Queue, { paused }: QueueChange): string {
  if (paused === undefined || paused === null) return `The limits of ${name} are changed`;
  return paused ? `${name} is paused: it starts no jobs` : `${name} runs again`;
}
