// An act on several dead letters: one request each, one outcome each, nothing hidden.
import { ApiError, messageOf } from "@/lib/api/errors";
import { countOf } from "@/lib/numbers";

export type Verdict = "done" | "changed" | "refused" | "unanswered" | "untried";

export interface Outcome {
  verdict: Verdict;
  /** Why it was not done, in the server's words. */
  note: string | null;
}

export const DONE: Outcome = { verdict: "done", note: null };
const UNTRIED: Outcome = { verdict: "untried", note: null };

/** What an error says about the act: someone was faster, it was refused, or nobody knows whether it was done. */
export function outcomeOf(error: unknown): Outcome {
  const note = messageOf(error);
  if (!(error instanceof ApiError) || error.isPassing) return { verdict: "unanswered", note };
  return { verdict: error.status === 409 ? "changed" : "refused", note };
}

/**
 * Act on each row in turn and tell each outcome. Ends early when `stopped` says so, and when an answer fails to come:
 * who does not answer one request will not answer the next. Rows never reached are told as untried.
 */
export async function actOnEach<T>(rows: readonly T[], act: (row: T) => Promise<unknown>, tell: (row: T, outcome: Outcome) => void, stopped: () => boolean): Promise<void> {
  let ended = false;
  for (const row of rows) {
    ended ||= stopped();
    const outcome: Outcome = ended ? UNTRIED : await act(row).then(() => DONE, outcomeOf);
    ended ||= outcome.verdict === "unanswered";
    tell(row, outcome);
  }
}

const WORDS: Record<Exclude<Verdict, "done">, string> = {
  changed: "changed meanwhile",
  refused: "refused",
  unanswered: "without an answer",
  untried: "not tried",
};

/** Say how it went, worst last: "2 replayed, 1 changed meanwhile". */
export function sayOutcomes(outcomes: readonly Outcome[], done: string): string {
  const count = (verdict: Verdict) => outcomes.filter((each) => each.verdict === verdict).length;
  const failed = (Object.keys(WORDS) as (keyof typeof WORDS)[]).filter(count).map((verdict) => `${count(verdict)} ${WORDS[verdict]}`);
  return [...(count("done") || !failed.length ? [`${count("done")} ${done}`] : [`none ${done}`]), ...failed].join(", ");
}

/** Verb and number for a button: "Replay 3 jobs", "Discard 1 dead letter". */
export function sayAct(verb: "replay" | "discard", count: number): string {
  return verb === "replay" ? `Replay ${countOf(count, "job")}` : `Discard ${countOf(count, "dead letter")}`;
}
