// How far the running attempt says it is.
import { Time } from "@/components/ui/Time";
import type { JobDetail } from "@/lib/api/types";
import { formatCount } from "@/lib/numbers";

export function ProgressBar({ progress: { done, total, note, at } }: { progress: NonNullable<JobDetail["progress"]> }) {
  const share = total ? Math.min(100, (100 * done) / total) : null;
  return (
    <div className="max-w-2xl space-y-1.5">
      {share === null ? null : (
        <div role="progressbar" aria-label="Progress" aria-valuemin={0} aria-valuemax={total ?? undefined} aria-valuenow={done} className="h-2 overflow-hidden rounded-full bg-neutral-soft">
          <span className="block h-full rounded-full bg-blue transition-[width] duration-300" style={{ width: `${share}%` }} />
        </div>
      )}
      <p className="text-ink-2">
        <strong className="font-semibold text-ink">{formatCount(done)}</strong>
        {total === null ? " done" : ` of ${formatCount(total)}`}{share === null ? "" : ` (${Math.floor(share)}%)`}{note ? `: ${note}` : ""}
        <span className="text-ink-3">, said <Time at={at} /></span>
      </p>
    </div>
  );
}
