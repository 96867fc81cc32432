// A replayed job on its way to its end, on the page where it was replayed.
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { ArrowRight } from "lucide-react";
import { type ReactNode, useEffect, useRef } from "react";

import { JsonView } from "@/components/ui/JsonView";
import { StateBadge } from "@/components/ui/StateBadge";
import { Age, Time } from "@/components/ui/Time";
import { jobQuery } from "@/lib/api/queries";
import { type DeadLetterDetail, hasEnded, type JobDetail } from "@/lib/api/types";
import { cx } from "@/lib/cx";
import { shortType } from "@/lib/ids";

const FOLLOW_MILLISECONDS = 1_000;

interface FollowProps {
  letter: DeadLetterDetail;
  /** Whether the replay was made on this page: then its end is awaited, and a new failure is told as one. */
  here: boolean;
}

/** Who replayed it, why, and how the job is doing now; live until it has ended. */
export function Follow({ letter, here }: FollowProps) {
  const job = useQuery({
    ...jobQuery(letter.job_id),
    // The live stream says so too, but whoever waits for this one job should not wait for its next beat.
    refetchInterval: (query) => (here && !(query.state.data && hasEnded(query.state.data.state)) ? FOLLOW_MILLISECONDS : false),
  });
  const place = useRef<HTMLElement>(null);
  // The button that replayed is gone or disabled now; what it began is here.
  useEffect(() => {
    if (here) place.current?.focus();
  }, [here]);
  const state = job.data?.state ?? letter.job_state;
  const failed = state === "FAILED";
  return (
    <section ref={place} tabIndex={-1} aria-label="After the replay" className={cx("scroll-mt-16 space-y-3 outline-none rounded-xl border bg-surface px-4 py-3", state === "SUCCEEDED" ? "border-green/45" : failed ? "border-red/45" : "border-blue/45")}>
      <div className="flex flex-wrap items-center gap-x-3 gap-y-1.5">
        <span role="status" data-testid="replay-state" className="inline-flex flex-wrap items-center gap-x-3 gap-y-1">
          {state ? <StateBadge state={state} /> : null}
          <span className="font-medium">{sayState(state, job.data)}</span>
        </span>
        <Link to="/jobs/$jobId" params={{ jobId: letter.job_id }} className="ml-auto inline-flex items-center gap-1 text-accent hover:underline">Open the job<ArrowRight aria-hidden className="size-3.5" /></Link>
      </div>
      {failed && job.data?.last_error ? <p className="break-words text-ink-2"><span className="mono text-red">{shortType(job.data.last_error.type)}</span>{job.data.last_error.message ? `: ${job.data.last_error.message}` : ""}</p> : null}
      {state === "SUCCEEDED" && job.data?.result !== null && job.data ? <JsonView value={job.data.result} label="Result" /> : null}
      <ClosedBy letter={letter} />
    </section>
  );
}

function sayState(state: string | null, job: JobDetail | undefined): ReactNode {
  if (state === "SUCCEEDED") return "The replay succeeded";
  if (state === "FAILED") return "The replay failed again; it waits here for another decision";
  if (state === "RUNNING") return <>The replay runs{job?.started_at ? <>, for <Age since={job.started_at} /></> : null}</>;
  if (state === "CANCELLED") return "The replay was cancelled";
  return "The replay waits for its turn";
}

/** Who closed a dead letter, when and why; nothing while it is open. */
export function ClosedBy({ letter }: { letter: DeadLetterDetail }) {
  if (!letter.closed_at) return null;
  return (
    <p className="break-words text-ink-2">
      {letter.state === "discarded" ? "Discarded" : "Replayed"} by <span className="font-medium text-ink">{letter.closed_by}</span> <Time at={letter.closed_at} />
      {letter.closed_reason ? <>: {letter.closed_reason}</> : null}
    </p>
  );
}
