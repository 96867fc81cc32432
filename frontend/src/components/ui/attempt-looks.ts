// How an attempt ended, in a word and in a sentence.
import { ArchiveRestore, Ban, CircleCheck, CircleHelp, CircleX, Hourglass, PowerOff, RotateCcw, Unplug } from "lucide-react";

import type { Look } from "@/components/ui/state-looks";

export interface AttemptLook extends Look {
  /** What the word means, where the word alone does not say it. */
  means: string | null;
}

const LOOKS: Record<string, AttemptLook> = {
  succeeded: { tone: "green", icon: CircleCheck, word: "Succeeded", means: null },
  retried: { tone: "amber", icon: RotateCcw, word: "Failed, retried", means: null },
  snoozed: { tone: "neutral", icon: Hourglass, word: "Snoozed", means: "The handler asked to run again later; that is not counted as an error." },
  failed: { tone: "red", icon: CircleX, word: "Failed", means: null },
  in_doubt: { tone: "amber", icon: CircleHelp, word: "In doubt", means: "It broke off, and nobody knows whether what it had begun outside happened." },
  cancelled: { tone: "neutral", icon: Ban, word: "Cancelled", means: null },
  lost: { tone: "red", icon: Unplug, word: "Lost", means: "Its executor vanished while the handler ran; how far it came is not known." },
  unstarted: { tone: "amber", icon: PowerOff, word: "Never started", means: "Its executor vanished before the handler began, so nothing of it happened." },
  handed_back: { tone: "neutral", icon: ArchiveRestore, word: "Handed back", means: "Its executor vanished through no fault of this job; nothing is counted against it." },
};

/** The look of an attempt's outcome; an unknown one shows its own name. */
export function attemptLook(outcome: string): AttemptLook {
  return LOOKS[outcome] ?? { tone: "neutral", icon: CircleX, word: outcome, means: null };
}
