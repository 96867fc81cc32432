// The third question: how often. Every attempt kept, and what people did about them.
import { useQuery } from "@tanstack/react-query";
import { getRouteApi } from "@tanstack/react-router";

import { AttemptList } from "@/components/ui/AttemptList";
import { Panel } from "@/components/ui/Page";
import { StateBadge } from "@/components/ui/StateBadge";
import { Time } from "@/components/ui/Time";
import { jobEventsQuery } from "@/lib/api/queries";
import type { DeadLetterDetail } from "@/lib/api/types";
import { countOf, formatCount } from "@/lib/numbers";

const route = getRouteApi("/dead-letters/$jobId");
const ACTS = new Set(["replayed", "discarded"]);

export function HowOften({ letter, className }: { letter: DeadLetterDetail; className?: string }) {
  const { attempt } = route.useSearch();
  const navigate = route.useNavigate();
  const unfold = (next: number | undefined) => void navigate({ to: ".", search: { attempt: next }, replace: true, resetScroll: false });
  return (
    <Panel title="How often" flush aside={`${countOf(letter.attempts.length, "attempt")}, failed for good ${timesOf(letter.failures)}`} className={className}>
      {letter.attempts.length ? <AttemptList attempts={letter.attempts} open={attempt} onOpen={unfold} /> : <p className="p-4 text-ink-2">It never began: no attempt was kept.</p>}
      <Acts jobId={letter.job_id} />
    </Panel>
  );
}

/** Replays and discards, the latest first; nothing before the first one. */
function Acts({ jobId }: { jobId: string }) {
  const events = useQuery(jobEventsQuery(jobId));
  const acts = events.data?.items.filter(({ kind }) => ACTS.has(kind)).toReversed() ?? [];
  if (!acts.length) return null;
  return (
    <section aria-label="What people did" className="border-t px-4 py-3">
      <h3 className="mb-2 text-xs font-medium text-ink-3">What people did</h3>
      <ol className="space-y-2">
        {acts.map(({ at, kind, actor, reason }) => (
          <li key={`${kind} ${at}`} className="flex flex-wrap items-baseline gap-x-2 gap-y-0.5">
            <StateBadge state={kind} />
            <span className="text-xs text-ink-3">{actor ? `by ${actor}, ` : ""}<Time at={at} /></span>
            {reason ? <span className="w-full break-words text-ink-2">{reason}</span> : null}
          </li>
        ))}
      </ol>
    </section>
  );
}

function timesOf(count: number): string {
  return count === 1 ? "once" : count === 2 ? "twice" : `${formatCount(count)} times`;
}
