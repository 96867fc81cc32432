// Signing in: whether a key is needed, trading the key for a cookie, and signing out.
import { queryOptions } from "@tanstack/react-query";

import { answered, api } from "@/lib/api/client";
import { keys } from "@/lib/api/keys";

/** Whether this installation asks for a key, and whether this browser gave it. */
export const sessionQuery = queryOptions({
  queryKey: keys.session,
  queryFn: ({ signal }) => answered(api.GET("/api/v1/session", { signal })),
  staleTime: Infinity,
});

/** Trade the key for a cookie; throws an ApiError with status 401 when it is wrong. */
export function signIn(key: string) {
  return answered(api.POST("/api/v1/session", { body: { key } }));
}

/** Forget the cookie. */
export function signOut() {
  return answered(api.DELETE("/api/v1/session"));
}
