// Small labels with a tone; the tone only repeats what the words say.
import type { ReactNode } from "react";

import { type Tone, TONES } from "@/components/ui/tones";
import { cx } from "@/lib/cx";

/** A label with an optional icon before its words. */
export function Badge({ tone = "neutral", icon, children, className }: { tone?: Tone; icon?: ReactNode; children: ReactNode; className?: string }) {
  return (
    <span className={cx("inline-flex h-5 items-center align-middle gap-1 rounded px-1.5 text-xs font-medium whitespace-nowrap [&_svg]:size-3", TONES[tone], className)}>
      {icon}
      {children}
    </span>
  );
}
