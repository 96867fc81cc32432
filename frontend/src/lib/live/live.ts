// The page's live updates: one stream per tab, tied to the query cache, to visibility, and to what the person does.
import type { QueryClient } from "@tanstack/react-query";
import { useEffect } from "react";

import { staleKeys } from "@/lib/api/keys";
import { basePath } from "@/lib/base";
import { type LiveStatus, LiveUpdates } from "@/lib/live/live-updates";
import { createStore } from "@/lib/store";

/** What the top bar shows. */
export const liveStatus = createStore<LiveStatus>({ state: "connecting", reason: null });

let running: LiveUpdates | null = null;

/** Start live updates for the page; the returned function ends them. */
export function startLiveUpdates(client: QueryClient): () => void {
  const updates = new LiveUpdates({
    open: () => new EventSource(`${basePath}/api/v1/stream`),
    onStale: (topics) => {
      for (const queryKey of staleKeys(topics)) void client.invalidateQueries({ queryKey });
    },
    onStatus: (status) => {
      const { state, reason } = liveStatus.get();
      if (state !== status.state || reason !== status.reason) liveStatus.set(status);
    },
  });
  const look = () => updates.setVisible(document.visibilityState !== "hidden");
  document.addEventListener("visibilitychange", look);
  running = updates;
  if (document.visibilityState !== "hidden") updates.start();
  return () => {
    document.removeEventListener("visibilitychange", look);
    updates.stop();
    running = null;
  };
}

/** Keep the page still while `active`: an open dialog, selected rows, an unsaved edit. */
export function useHoldLive(active: boolean): void {
  useEffect(() => (active ? running?.hold() : undefined), [active]);
}
