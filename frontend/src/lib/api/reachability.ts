// Whether the API answered the latest request, and if not, why; the top bar shows it.
import { ApiError } from "@/lib/api/errors";
import { createStore } from "@/lib/store";

/** Null while the API answers, else one sentence that says what is away. */
export const outage = createStore<string | null>(null);

/** Note how the latest request went. */
export function noteAnswer(error: unknown): void {
  if (!(error instanceof ApiError)) outage.set(null);
  else if (error.code === "unreachable") outage.set("The API does not answer.");
  else if (error.status === 503 && !error.isTooWide) outage.set(error.message);
  else outage.set(null);
}
