// What stands where there is nothing to show yet, or nothing at all.
import type { LucideIcon } from "lucide-react";
import type { ReactNode } from "react";

import { cx } from "@/lib/cx";

/** Nothing is here: why, and what to do next. */
export function EmptyState({ icon: Icon, title, children, action }: { icon: LucideIcon; title: string; children?: ReactNode; action?: ReactNode }) {
  return (
    <div className="flex flex-col items-center gap-2 px-6 py-12 text-center">
      <Icon className="size-6 text-ink-3" strokeWidth={1.5} aria-hidden />
      <p className="font-medium">{title}</p>
      {children ? <div className="max-w-md text-ink-2">{children}</div> : null}
      {action ? <div className="mt-2">{action}</div> : null}
    </div>
  );
}

/** A grey shape where text will be. */
export function Skeleton({ className }: { className?: string }) {
  return <span aria-hidden className={cx("block rounded bg-neutral-soft motion-safe:animate-[pulse-soft_1.6s_ease-in-out_infinite]", className ?? "h-4 w-24")} />;
}

/** Several lines of grey, said to screen readers as "Loading". */
export function SkeletonLines({ lines = 4 }: { lines?: number }) {
  return (
    <div role="status" className="space-y-3 p-4">
      <span className="sr-only">Loading</span>
      {Array.from({ length: lines }, (_, line) => <Skeleton key={line} className={cx("h-4", ["w-2/3", "w-1/2", "w-3/5", "w-1/3"][line % 4])} />)}
    </div>
  );
}
