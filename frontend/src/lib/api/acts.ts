// Acts that name the version they saw: sent again behind a lost answer, the same words are the same act, done once.
import { ApiError } from "@/lib/api/errors";
import { newIdempotencyKey } from "@/lib/ids";
import { stringifyJson } from "@/lib/json";

export const KEY_HEADER = "Idempotency-Key";

const unanswered = new Map<string, string>();

/**
 * Send an act under a key that it keeps until it is answered. `words` are all it says, with the version it saw: an act
 * without one may rightly be asked for twice, and needs a fresh key each time.
 */
export async function sendOnce<T>(words: object, send: (headers: { "Idempotency-Key": string }) => Promise<T>): Promise<T> {
  const said = stringifyJson(words);
  const key = unanswered.get(said) ?? newIdempotencyKey();
  unanswered.set(said, key);
  try {
    const answer = await send({ [KEY_HEADER]: key });
    unanswered.delete(said);
    return answer;
  } catch (error) {
    if (error instanceof ApiError && !error.isPassing) unanswered.delete(said);
    throw error;
  }
}
