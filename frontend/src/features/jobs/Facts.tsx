// The facts of a job: where it belongs, what it may do, and when it did it.
import { Link } from "@tanstack/react-router";

import { KeyValues } from "@/components/ui/KeyValues";
import { Panel } from "@/components/ui/Page";
import { Time } from "@/components/ui/Time";
import type { JobDetail } from "@/lib/api/types";
import { formatCount } from "@/lib/numbers";
import { formatDuration } from "@/lib/time";

const LINK = "text-accent hover:underline";

export function Facts({ job }: { job: JobDetail }) {
  return (
    <Panel title="Facts">
      <KeyValues
        facts={[
          ["Queue", <Link key="q" to="/jobs" search={{ queue: job.queue }} className={LINK}>{job.queue}</Link>],
          ["Task", <Link key="t" to="/tasks" search={{ task: job.task }} className={LINK}>{job.task}</Link>],
          job.tags.length ? ["Tags", <Tags key="g" tags={job.tags} />] : null,
          job.concurrency_key === null ? null : ["Concurrency key", <span key="c" className="mono">{job.concurrency_key}</span>],
          job.ordering_key === null ? null : ["Ordering key", <span key="o" className="mono">{job.ordering_key}</span>],
          ["Priority", job.priority ? formatCount(job.priority) : "0 (usual)"],
          ["Created", <Time key="cr" at={job.created_at} absolute />],
          ["Due", job.run_at === job.created_at ? null : <Time key="r" at={job.run_at} absolute />],
          ["Started", job.started_at ? <Time key="s" at={job.started_at} absolute /> : "not yet"],
          ["Finished", job.finished_at ? <Time key="f" at={job.finished_at} absolute /> : null],
          job.started_at && job.finished_at ? ["Duration", formatDuration(Date.parse(job.finished_at) - Date.parse(job.started_at))] : null,
          ["Retries", formatCount(job.retry_count)],
          ["Attempts", job.max_attempts === null ? "as many as its task allows" : `at most ${formatCount(job.max_attempts)}`],
          ["Timeout", job.timeout_seconds === null ? "that of its task" : formatDuration(job.timeout_seconds * 1000)],
        ]}
      />
    </Panel>
  );
}

function Tags({ tags }: { tags: readonly string[] }) {
  return (
    <span className="flex flex-wrap gap-1">
      {tags.map((tag) => (
        <Link key={tag} to="/jobs" search={{ tag }} title={`Jobs with the tag ${tag}`} className="max-w-full truncate rounded bg-neutral-soft px-1.5 text-xs leading-5 font-medium text-ink-2 hover:text-accent hover:underline">{tag}</Link>
      ))}
    </span>
  );
}
