// "7 new": what arrived since the list was shown waits here instead of pushing rows away.
import { ArrowUp, RefreshCw } from "lucide-react";

import { formatCount } from "@/lib/numbers";

interface NewPillProps {
  count: number;
  /** There may be more new ones than `count`: a whole page is new. */
  more?: boolean;
  /** How many shown rows left the list; said only while nothing is new. */
  gone?: number;
  onShow: () => void;
}

/** A button that shows the rows that arrived, or drops those that left; nothing while there are none. */
export function NewPill({ count, more, gone = 0, onShow }: NewPillProps) {
  const Icon = count > 0 ? ArrowUp : RefreshCw;
  return (
    <span role="status" className="inline-flex">
      {count > 0 || gone > 0 ? (
        <button type="button" onClick={onShow} className="inline-flex h-7 items-center gap-1 rounded-full bg-accent-soft px-3 text-xs font-medium text-accent shadow-float hover:brightness-105">
          <Icon className="size-3.5" aria-hidden />
          {count > 0 ? `${formatCount(count)}${more ? "+" : ""} new` : `${formatCount(gone)} left the list`}
        </button>
      ) : null}
    </span>
  );
}
