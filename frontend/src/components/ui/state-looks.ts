// The icon, tone and word of every state of a job, dead letter, worker or queue.
import { Archive, Ban, CalendarClock, CircleCheck, CircleDot, CircleHelp, CircleX, Hourglass, Inbox, LoaderCircle, Lock, type LucideIcon, Pause, RotateCcw, SkipForward, Unplug } from "lucide-react";

import type { Tone } from "@/components/ui/tones";

export interface Look {
  tone: Tone;
  icon: LucideIcon;
  word: string;
}

const LOOKS: Record<string, Look> = {
  SCHEDULED: { tone: "neutral", icon: CalendarClock, word: "Scheduled" },
  READY: { tone: "teal", icon: CircleDot, word: "Ready" },
  BLOCKED: { tone: "neutral", icon: Lock, word: "Blocked" },
  RUNNING: { tone: "blue", icon: LoaderCircle, word: "Running" },
  WAITING: { tone: "violet", icon: Hourglass, word: "Waiting" },
  IN_DOUBT: { tone: "amber", icon: CircleHelp, word: "In doubt" },
  SUCCEEDED: { tone: "green", icon: CircleCheck, word: "Succeeded" },
  FAILED: { tone: "red", icon: CircleX, word: "Failed" },
  CANCELLED: { tone: "neutral", icon: Ban, word: "Cancelled" },
  SKIPPED: { tone: "neutral", icon: SkipForward, word: "Skipped" },
  open: { tone: "red", icon: Inbox, word: "Open" },
  replayed: { tone: "blue", icon: RotateCcw, word: "Replayed" },
  discarded: { tone: "neutral", icon: Archive, word: "Discarded" },
  live: { tone: "green", icon: CircleCheck, word: "Live" },
  draining: { tone: "amber", icon: Hourglass, word: "Draining" },
  silent: { tone: "red", icon: Unplug, word: "Silent" },
  stopped: { tone: "neutral", icon: Ban, word: "Stopped" },
  paused: { tone: "amber", icon: Pause, word: "Paused" },
};

/** The look of a state of a job, dead letter, worker or queue; an unknown one shows its own name. */
export function stateLook(state: string): Look {
  return LOOKS[state] ?? { tone: "neutral", icon: CircleDot, word: state };
}
