// The rows of the job list; on a narrow screen the task's cell tells what the hidden columns would.
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";

import { type Column, DataTable } from "@/components/ui/DataTable";
import { ShortId } from "@/components/ui/ShortId";
import { StateBadge } from "@/components/ui/StateBadge";
import { Age, Time } from "@/components/ui/Time";
import { Tooltip } from "@/components/ui/Tooltip";
import type { Job } from "@/lib/api/types";
import { cx } from "@/lib/cx";
import { shortId, shortType } from "@/lib/ids";
import { countOf, formatCount } from "@/lib/numbers";
import { formatDuration } from "@/lib/time";

const MESSAGE_CHARS = 600;

const COLUMNS: Column<Job>[] = [
  { id: "state", header: "State", className: "max-lg:align-top max-lg:py-2", cell: (job) => <StateBadge state={job.state} /> },
  { id: "task", header: "Task", className: "max-lg:w-full max-lg:max-w-0 max-lg:py-2", cell: (job) => <TaskCell job={job} /> },
  { id: "id", header: "Id", hideBelow: "lg", cell: (job) => <ShortId id={job.id} copy /> },
  { id: "queue", header: "Queue", hideBelow: "lg", className: "max-w-36", cell: (job) => <span className="block truncate" title={job.queue}>{job.queue}</span> },
  { id: "retries", header: "Retries", numeric: true, hideBelow: "lg", cell: (job) => (job.retry_count ? formatCount(job.retry_count) : <None />) },
  { id: "error", header: "Last error", hideBelow: "lg", className: "w-full max-w-0", cell: (job) => <LastError job={job} /> },
  { id: "created", header: "Created", numeric: true, className: "whitespace-nowrap max-lg:align-top max-lg:py-2", cell: (job) => <Time at={job.created_at} /> },
  { id: "started", header: "Started", numeric: true, hideBelow: "lg", className: "whitespace-nowrap", cell: (job) => <Time at={job.started_at} /> },
  { id: "duration", header: "Duration", numeric: true, hideBelow: "sm", className: "whitespace-nowrap max-lg:align-top max-lg:py-2", cell: (job) => <Duration job={job} /> },
];

interface JobTableProps {
  rows: readonly Job[] | undefined;
  empty: ReactNode;
  stale: boolean;
  isOld: (job: Job) => boolean;
}

export function JobTable(props: JobTableProps) {
  return <DataTable label="Jobs" columns={COLUMNS} rowId={(job) => job.id} skeletonRows={12} {...props} />;
}

function TaskCell({ job }: { job: Job }) {
  return (
    <>
      <Link to="/jobs/$jobId" params={{ jobId: job.id }} data-row-link className="block font-medium [overflow-wrap:anywhere] lg:max-w-72 lg:truncate" title={job.task}>{job.task}</Link>
      <span className="block truncate text-xs text-ink-3 lg:hidden">
        <span className="mono">{shortId(job.id)}</span> · {job.queue}{job.retry_count ? ` · ${countOf(job.retry_count, "retry", "retries")}` : ""}
      </span>
      {job.last_error ? <span className={cx("line-clamp-2 text-xs break-words lg:hidden", job.state === "FAILED" ? "text-red" : "text-ink-2")}>{errorLine(job.last_error)}</span> : null}
    </>
  );
}

function LastError({ job: { last_error: error, state } }: { job: Job }) {
  if (!error) return <None />;
  const text = errorLine(error);
  return (
    <Tooltip text={text.length > MESSAGE_CHARS ? `${text.slice(0, MESSAGE_CHARS)}…` : text}>
      <span tabIndex={0} className={cx("block truncate", state === "FAILED" ? "text-red" : "text-ink-2")}>{text}</span>
    </Tooltip>
  );
}

function Duration({ job }: { job: Job }) {
  if (!job.started_at) return <None />;
  if (job.finished_at) return <>{formatDuration(Date.parse(job.finished_at) - Date.parse(job.started_at))}</>;
  return job.state === "RUNNING" ? <Age since={job.started_at} className="text-blue" /> : <None />;
}

function None() {
  return <span className="text-ink-3">–</span>;
}

function errorLine({ type, message }: NonNullable<Job["last_error"]>): string {
  return message ? `${shortType(type)}: ${message}` : shortType(type);
}
