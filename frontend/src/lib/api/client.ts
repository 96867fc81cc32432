// The one way to the API: typed by its OpenAPI document, lossless in payloads, every refusal an ApiError.
import createClient, { type Middleware } from "openapi-fetch";

import type { paths } from "@/generated/api";
import { KEY_HEADER } from "@/lib/api/acts";
import { ApiError, problemOf, unreachable } from "@/lib/api/errors";
import { noteAnswer } from "@/lib/api/reachability";
import { basePath } from "@/lib/base";
import { newIdempotencyKey } from "@/lib/ids";
import { parseAnswer, stringifyJson } from "@/lib/json";

// openapi-fetch reads bodies with JSON.parse, which rounds what JavaScript cannot hold; this body reads itself.
const lossless: Middleware = {
  async onResponse({ response }) {
    if (!response.ok || !response.headers.get("content-type")?.includes("json")) return response;
    const text = await response.text();
    const headers = new Headers(response.headers);
    headers.set("content-length", String(text.length));
    const read = new Response(text, { status: response.status, headers });
    Object.defineProperty(read, "json", { value: async () => parseAnswer(text) });
    return read;
  },
};

// Whatever is asked of the API is done once, also when the browser or a proxy sends it twice.
const keyed: Middleware = {
  onRequest({ request }) {
    if (request.method !== "GET" && !request.headers.has(KEY_HEADER)) request.headers.set(KEY_HEADER, newIdempotencyKey());
    return request;
  },
};

/** Typed calls: `api.GET("/api/v1/jobs", { params: { query } })`; wrap each in `answered`. */
export const api = createClient<paths>({
  baseUrl: new URL(basePath || "/", location.origin).href.replace(/\/$/, ""),
  bodySerializer: (body) => stringifyJson(body),
  credentials: "same-origin",
});
api.use(lossless, keyed);

interface Outcome<T> {
  data?: T;
  error?: unknown;
  response: Response;
}

/** Wait for a call and return what it answered; throws an ApiError for every refusal and when nobody answers. */
export async function answered<T>(call: Promise<Outcome<T>>): Promise<T> {
  try {
    const outcome = await call.catch((error: unknown) => {
      // An aborted request is the caller's wish, not an outage.
      throw error instanceof DOMException && error.name === "AbortError" ? error : unreachable();
    });
    if (!outcome.response.ok) throw problemOf(outcome.response, outcome.error);
    noteAnswer(null);
    return outcome.data as T;
  } catch (error) {
    if (error instanceof ApiError) noteAnswer(error);
    throw error;
  }
}
