// The cache of answers: kept until a live topic makes them stale; a refusal with 401 leads to the sign-in.
import { MutationCache, QueryCache, QueryClient } from "@tanstack/react-query";

import { ApiError } from "@/lib/api/errors";
import { keys } from "@/lib/api/keys";

export const queryClient = new QueryClient({
  queryCache: new QueryCache({ onError: noticeSignedOut }),
  mutationCache: new MutationCache({ onError: noticeSignedOut }),
  defaultOptions: {
    queries: {
      staleTime: 60_000,
      refetchOnWindowFocus: false,
      retry: (failures, error) => error instanceof ApiError && error.isPassing && failures < 1,
      // The API may live on this machine: it answers without any network.
      networkMode: "always",
    },
    mutations: { networkMode: "always" },
  },
});

function noticeSignedOut(error: unknown): void {
  if (error instanceof ApiError && error.status === 401) {
    queryClient.setQueryData(keys.session, { required: true, signed_in: false });
  }
}
