// The first thing on a job's page: what is going on with it, and for a failed one why.
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";

import { Doubt } from "./Doubt";
import { ProgressBar } from "./ProgressBar";
import { storyOf } from "./story";
import { Badge } from "@/components/ui/Badge";
import { ErrorText } from "@/components/ui/ErrorText";
import { Panel } from "@/components/ui/Page";
import { stateLook } from "@/components/ui/state-looks";
import { Age, Time } from "@/components/ui/Time";
import { Traceback } from "@/components/ui/Traceback";
import type { Tone } from "@/components/ui/tones";
import { queuesQuery, workersQuery } from "@/lib/api/queries";
import { type JobDetail, type JobEvent, hasEnded } from "@/lib/api/types";
import { cx } from "@/lib/cx";

const EDGES: Partial<Record<Tone, string>> = { red: "border-red/45", amber: "border-amber/45" };
const INKS: Record<Tone, string> = { neutral: "text-neutral", blue: "text-blue", teal: "text-teal", violet: "text-violet", amber: "text-amber", green: "text-green", red: "text-red" };

/** `stop` is the request to stop that the running attempt has not followed yet, `cancel` the one that ended the job. */
export function StoryPanel({ job, stop, cancel }: { job: JobDetail; stop: JobEvent | null; cancel: JobEvent | null }) {
  const ready = job.state === "READY";
  const queue = useQuery({ ...queuesQuery, enabled: ready }).data?.items.find(({ name }) => name === job.queue);
  const workers = useQuery({ ...workersQuery, enabled: ready }).data?.items;
  const story = storyOf(job, { queue, workers });
  const { icon: Icon } = stateLook(job.state);
  const failed = job.attempts.findLast(({ error }) => error !== null)?.error;
  const told = job.state === "CANCELLED" ? cancel : stop;
  return (
    <Panel label="What happened" className={EDGES[story.tone]}>
      <div className="flex gap-3">
        <Icon aria-hidden className={cx("mt-0.5 size-5 shrink-0", INKS[story.tone], job.state === "RUNNING" && "motion-safe:animate-[spin_2s_linear_infinite]")} />
        <div className="min-w-0 flex-1 space-y-3">
          <div role="status">
            <h2 className="text-lg font-semibold">{story.title}<When job={job} /></h2>
            {story.text ? <p className="text-ink-2">{story.text}</p> : null}
            {told ? <Told event={told} asked={told === stop} /> : null}
          </div>
          {job.progress && !hasEnded(job.state) ? <ProgressBar progress={job.progress} /> : null}
          {failed && job.state !== "SUCCEEDED" && job.state !== "CANCELLED" ? (
            <div className="space-y-2">
              <ErrorText error={failed} />
              {job.state === "FAILED" && failed.traceback ? <Traceback text={failed.traceback} open /> : null}
            </div>
          ) : null}
          <Doubt job={job} />
          <LetterLink job={job} />
        </div>
      </div>
    </Panel>
  );
}

function When({ job }: { job: JobDetail }) {
  const plain = "font-normal text-ink-2";
  if (job.state === "RUNNING" && job.started_at) return <span className={plain}>, for <Age since={job.started_at} /></span>;
  if (job.state === "SCHEDULED") return <span className={plain}>, {job.retry_count ? "" : "it starts "}<Time at={job.run_at} /></span>;
  return job.finished_at ? <span className={plain}>, <Time at={job.finished_at} /></span> : null;
}

function Told({ event: { actor, reason, at }, asked }: { event: JobEvent; asked: boolean }) {
  return (
    <p className="text-ink-2">
      {asked ? <Badge tone="amber" className="mr-2">Asked to stop</Badge> : null}
      {asked ? "Asked" : "Cancelled"} by {actor ?? "EasyFlow"} <Time at={at} />{reason ? <>: <q className="text-ink">{reason}</q></> : "."}
    </p>
  );
}

function LetterLink({ job: { id, dead_letter: letter } }: { job: JobDetail }) {
  if (!letter) return null;
  const open = letter.state === "open";
  return (
    <p className="flex flex-wrap items-center gap-x-3 gap-y-1">
      <Link to="/dead-letters/$jobId" params={{ jobId: id }} className={open ? "inline-flex h-8 items-center rounded-md bg-accent px-3 font-medium text-accent-ink hover:brightness-110" : "font-medium text-accent hover:underline"}>
        {open ? "Decide in its dead letter" : "See its dead letter"}
      </Link>
      <span className="text-ink-3">{open ? "Replay it, repaired or as it is, or discard it." : `It was ${letter.state} before.`}</span>
    </p>
  );
}
