// How many jobs are in each state; each count leads to those jobs.
import { Link } from "@tanstack/react-router";

import { Panel } from "@/components/ui/Page";
import { StateBadge } from "@/components/ui/StateBadge";
import type { Overview } from "@/lib/api/types";
import { cx } from "@/lib/cx";
import { formatTotal } from "@/lib/numbers";

export function StateCounts({ overview }: { overview: Overview }) {
  return (
    <Panel title="Jobs by state" flush>
      <ul className="grid grid-cols-2 py-2">
        {overview.states.map((count) => (
          <li key={count.state}>
            <Link to="/jobs" search={{ state: count.state }} className="flex h-8.5 items-center justify-between gap-2 px-4 hover:bg-hover">
              <StateBadge state={count.state} />
              <span className={cx(count.value ? "font-medium" : "text-ink-3")}>{formatTotal(count)}</span>
            </Link>
          </li>
        ))}
      </ul>
    </Panel>
  );
}
