// Small labels with a tone; the tone only repeats what the words say.
import type { ReactNode } from "react";

import { cx } from "@/lib/cx";

export type Tone = "neutral" | "blue" | "teal" | "violet" | "amber" | "green" | "red";

const TONES: Record<Tone, string> = {
  neutral: "bg-neutral-soft text-neutral",
  blue: "bg-blue-soft text-blue",
  teal: "bg-teal-soft text-teal",
  violet: "bg-violet-soft text-violet",
  amber: "bg-amber-soft text-amber",
  green: "bg-green-soft text-green",
  red: "bg-red-soft text-red",
};

/** A label with an optional icon before its words. */
export function Badge({ tone = "neutral", icon, children, className }: { tone?: Tone; icon?: ReactNode; children: ReactNode; className?: string }) {
  return (
    <span className={cx("inline-flex h-5 items-center align-middle gap-1 rounded px-1.5 text-xs font-medium whitespace-nowrap [&_svg]:size-3", TONES[tone], className)}>
      {icon}
      {children}
    </span>
  );
}
