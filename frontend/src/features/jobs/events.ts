// What happened to a job, event by event, in words.
import { Archive, Ban, CircleHelp, CirclePlus, Gavel, type LucideIcon, Play, RotateCcw, Zap } from "lucide-react";

import { attemptLook } from "@/components/ui/attempt-looks";
import type { Tone } from "@/components/ui/tones";
import type { JobDetail, JobEvent } from "@/lib/api/types";
import { shortType } from "@/lib/ids";

export interface HistoryItem {
  icon: LucideIcon;
  tone: Tone;
  words: string;
  /** One line more: the error of an attempt. */
  detail: string | null;
}

const ACTS: Record<string, Omit<HistoryItem, "detail">> = {
  submitted: { icon: CirclePlus, tone: "neutral", words: "Submitted" },
  "cancel requested": { icon: Ban, tone: "amber", words: "Asked to stop" },
  "run now": { icon: Zap, tone: "blue", words: "Started early" },
  "in doubt": { icon: CircleHelp, tone: "amber", words: "Set aside, in doubt" },
  replayed: { icon: RotateCcw, tone: "blue", words: "Replayed" },
  discarded: { icon: Archive, tone: "neutral", words: "Dead letter discarded" },
};

const SETTLED: Record<string, string> = { happened: "it happened", did_not_happen: "it did not happen", failed: "failed" };

/** An event in words: acts by what was done, ends of attempts by how they ended. */
export function historyItem(event: JobEvent): HistoryItem {
  const detail = event.detail ?? {};
  const attempt = detail.lease_no === undefined ? "" : `Attempt ${String(detail.lease_no)}`;
  if (event.kind === "claimed") return { icon: Play, tone: "blue", words: `${attempt || "An attempt"} claimed`, detail: null };
  if (event.kind === "settled") return { icon: Gavel, tone: "blue", words: `Settled: ${settledAs(detail)}`, detail: null };
  const act = ACTS[event.kind];
  if (act) return { ...act, detail: null };
  const { icon, tone, word } = attemptLook(event.kind);
  return { icon, tone, words: attempt ? `${attempt} ${word.toLowerCase()}` : word, detail: errorLine(detail) };
}

function settledAs({ outcome, complete }: Record<string, unknown>): string {
  return `${SETTLED[String(outcome)] ?? String(outcome)}${complete === true ? ", and completed" : ""}`;
}

function errorLine({ error_type: type, error_message: message }: Record<string, unknown>): string | null {
  if (typeof type !== "string") return null;
  return typeof message === "string" && message ? `${shortType(type)}: ${message}` : shortType(type);
}

/** The latest request to stop, if the attempt that runs now was asked to. */
export function stopAsked(job: JobDetail, events: readonly JobEvent[] | undefined): JobEvent | null {
  if (job.state !== "RUNNING") return null;
  const latest = events?.findLast(({ kind }) => kind === "cancel requested" || kind === "claimed");
  return latest?.kind === "cancel requested" ? latest : null;
}

/** Who ended a job by cancelling it, and why. */
export function cancelOf(events: readonly JobEvent[] | undefined): JobEvent | null {
  return events?.findLast(({ kind, actor }) => kind === "cancel requested" || (kind === "cancelled" && actor !== null)) ?? null;
}
