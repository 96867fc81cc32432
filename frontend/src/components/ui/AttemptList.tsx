// The attempts of a job that ended, the latest first: how each ended, where, how long it took, and why it failed.
import { useState } from "react";

import { attemptLook } from "@/components/ui/attempt-looks";
import { Badge } from "@/components/ui/Badge";
import { Button } from "@/components/ui/Button";
import { ErrorText } from "@/components/ui/ErrorText";
import { ShortId } from "@/components/ui/ShortId";
import { Time } from "@/components/ui/Time";
import { Traceback } from "@/components/ui/Traceback";
import type { Attempt } from "@/lib/api/types";
import { formatDuration } from "@/lib/time";

const SHOWN = 5;

interface AttemptListProps {
  /** Oldest first, as the API gives them. */
  attempts: readonly Attempt[];
  /** The number of the attempt whose traceback is unfolded. */
  open?: number;
  /** Hears which attempt shall be unfolded; whoever gives it keeps `open`. Without it each folds by itself. */
  onOpen?: (attempt: number | undefined) => void;
}

/** The latest five attempts, and all of them when asked. */
export function AttemptList({ attempts, open, onOpen }: AttemptListProps) {
  const [all, setAll] = useState(false);
  const latest = attempts.toReversed();
  const reach = Math.max(SHOWN, latest.findIndex(({ lease_no }) => lease_no === open) + 1);
  const shown = all ? latest : latest.slice(0, reach);
  return (
    <>
      <ol aria-label="Attempts, latest first" className="divide-y divide-line">
        {shown.map((attempt) => (
          <AttemptItem key={attempt.lease_no} attempt={attempt} open={attempt.lease_no === open} onToggle={onOpen && ((next) => onOpen(next ? attempt.lease_no : undefined))} />
        ))}
      </ol>
      {latest.length > reach ? (
        <div className="border-t px-2 py-1.5">
          <Button kind="quiet" size="small" aria-expanded={all} onClick={() => setAll(!all)}>{all ? "Show fewer" : `Show all ${latest.length} attempts`}</Button>
        </div>
      ) : null}
    </>
  );
}

function AttemptItem({ attempt, open, onToggle }: { attempt: Attempt; open: boolean; onToggle?: (open: boolean) => void }) {
  const { tone, icon: Icon, word, means } = attemptLook(attempt.outcome);
  const { error } = attempt;
  return (
    <li data-testid={`attempt-${attempt.lease_no}`} className="space-y-1.5 px-4 py-3">
      <div className="flex flex-wrap items-center gap-x-3 gap-y-1">
        <h3 className="font-medium">Attempt {attempt.lease_no}</h3>
        <Badge tone={tone} icon={<Icon aria-hidden />}>{word}</Badge>
        <span className="text-ink-2"><Ran attempt={attempt} /></span>
        <span className="ml-auto inline-flex items-center gap-1 text-xs text-ink-3">executor <ShortId id={attempt.executor_id} copy /></span>
      </div>
      {means ? <p className="text-xs text-ink-3">{means}</p> : null}
      {error ? <ErrorText error={error} /> : null}
      {error?.traceback ? <Traceback text={error.traceback} open={open} onToggle={onToggle} /> : null}
    </li>
  );
}

function Ran({ attempt: { claimed_at, started_at, finished_at } }: { attempt: Attempt }) {
  if (!started_at) return <>claimed <Time at={claimed_at} /></>;
  return <>started <Time at={started_at} />, ran {formatDuration(Date.parse(finished_at) - Date.parse(started_at))}</>;
}
