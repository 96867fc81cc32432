// What a person says of a job in doubt, from the fields of the dialog to the request.
import type { ChoiceOption } from "@/components/ui/Choice";
import type { Effect, JobDetail, Settle } from "@/lib/api/types";
import { parseJson } from "@/lib/json";
import { countOf } from "@/lib/numbers";

export type Outcome = Settle["outcome"];

/** What the dialog holds; the result as text, empty for none. */
export interface Draft {
  outcome: Outcome | null;
  result: string;
  complete: boolean;
}

export const NOTHING_SAID: Draft = { outcome: null, result: "", complete: false };

/** The effects of which nobody knows whether they happened. */
export function openEffects(job: JobDetail): Effect[] {
  return job.effects.filter(({ state }) => state === "open");
}

/** What is in doubt, in one sentence. */
export function doubtOf(job: JobDetail): string {
  const open = openEffects(job);
  if (!open.length) return "What it did outside is not known: its ledger holds nothing open.";
  const names = open.map(({ name }) => name).join(", ");
  return open.length === 1 ? `Its effect ${names} may or may not have happened.` : `Its effects ${names} may or may not have happened.`;
}

/** What one can say, and what follows. */
export function choicesOf(job: JobDetail): ChoiceOption<Outcome>[] {
  const open = openEffects(job).length;
  const what = open === 1 ? "The effect" : countOf(open, "effect");
  return [
    { value: "happened", label: "It happened", says: open ? `${what} ${open === 1 ? "is" : "are"} recorded as done and not done again; the handler goes on from there.` : "The job is completed: run again, its handler would do it a second time." },
    { value: "did_not_happen", label: "It did not happen", says: open ? `The handler runs again and does it, with the same ${open === 1 ? "key" : "keys"}.` : "The handler runs again, and does whatever is not recorded as done." },
    { value: "failed", label: "Fail the job", says: "It ends failed, as a dead letter; what happened outside stays unknown." },
  ];
}

/** Whether "it happened" can only complete the job: nothing is open that could be recorded as done. */
export function mustComplete(job: JobDetail): boolean {
  return !openEffects(job).length;
}

/** What is wrong with the result as it is typed; null when nothing is. */
export function resultProblem({ outcome, result }: Draft): string | null {
  if (outcome !== "happened" || !result.trim()) return null;
  try {
    parseJson(result);
    return null;
  } catch (error) {
    return `This is not JSON yet: ${error instanceof Error ? error.message : String(error)}`;
  }
}

/** Why the dialog cannot be sent yet; null when it can. */
export function whyNotSettle(draft: Draft): string | null {
  return draft.outcome === null ? "Say what you found first." : resultProblem(draft);
}

/** The request: what the draft says of the doubt as it was seen. */
export function settleOf(job: JobDetail, { outcome, result, complete }: Draft, reason: string): Settle {
  if (outcome === null || job.in_doubt === null) throw new Error("Nothing was said of a doubt.");
  const said = { outcome, reason, seen_version: job.in_doubt.version };
  if (outcome !== "happened") return said as Settle;
  const given = result.trim() ? { result: parseJson(result) } : {};
  return { ...said, ...given, complete: complete || mustComplete(job) } as Settle;
}
