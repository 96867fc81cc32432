// Why a job ended FAILED, in plain words.
import { CircleHelp, CircleSlash, FileX, type LucideIcon, Repeat, TimerOff, TriangleAlert, Unplug } from "lucide-react";

export interface Reason {
  /** In a table: two or three words. */
  word: string;
  /** What happened, in one sentence. */
  says: string;
  icon: LucideIcon;
  /** Nobody knows whether the effect happened, so a replay may make it happen twice. */
  unknown?: boolean;
}

const REASONS: Record<string, Reason> = {
  "handler gave up": { word: "Task gave up", says: "The task itself said that running again is of no use.", icon: CircleSlash },
  "attempts exhausted": { word: "Out of attempts", says: "Every attempt it was allowed failed.", icon: Repeat },
  "timed out, outcome unknown": { word: "Timed out", says: "It ran longer than it may, and was cut off in the middle.", icon: TimerOff, unknown: true },
  lost: { word: "Lost", says: "The process that ran it died, again and again.", icon: Unplug },
  "lost, outcome unknown": { word: "Lost", says: "The process that ran it died in the middle.", icon: Unplug, unknown: true },
  "never started": { word: "Never started", says: "Processes took it and died before it began, again and again.", icon: Unplug },
  "drained, outcome unknown": { word: "Cut off", says: "Its worker stopped before it was done.", icon: Unplug, unknown: true },
  "settled as failed": { word: "Settled as failed", says: "Whether its effects happened was not known, and a person let it fail.", icon: CircleHelp, unknown: true },
  "payload does not fit the task": { word: "Payload refused", says: "The payload does not fit what the task takes, so it never ran.", icon: FileX },
  "result cannot be stored": { word: "Result refused", says: "It ran, but what it returned cannot be stored.", icon: FileX },
};

/** The reason of a dead letter in words; an unknown one speaks for itself. */
export function reasonOf(reason: string): Reason {
  return REASONS[reason] ?? { word: reason, says: reason, icon: TriangleAlert };
}

/** All known reasons for a filter, each once, told apart where two share a word. */
export const REASON_OPTIONS = Object.entries(REASONS).map(([value, { word, unknown }]) => ({
  value,
  label: unknown ? `${word}, outcome unknown` : word,
}));
