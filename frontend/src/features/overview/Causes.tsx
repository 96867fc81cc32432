// Why open dead letters failed: one row per cause, most frequent first.
import { Link } from "@tanstack/react-router";
import { CircleCheck } from "lucide-react";

import { type Column, DataTable } from "@/components/ui/DataTable";
import { Panel } from "@/components/ui/Page";
import { EmptyState } from "@/components/ui/States";
import { Time } from "@/components/ui/Time";
import type { Cause, Overview } from "@/lib/api/types";
import { shortType } from "@/lib/ids";
import { countOf, formatTotal } from "@/lib/numbers";

const COLUMNS: Column<Cause>[] = [
  {
    id: "cause",
    header: "Cause",
    className: "max-w-0 w-full py-1.5",
    cell: (cause) => (
      <>
        <Link to="/dead-letters" search={{ task: cause.task }} data-row-link className="block truncate font-medium">
          <span title={cause.error_type ?? undefined}>{cause.error_type ? shortType(cause.error_type) : "No error kept"}</span>
          {cause.error_code ? <span className="mono font-normal text-ink-2"> {cause.error_code}</span> : null}
        </Link>
        <span className="block truncate text-xs text-ink-3" title={cause.message ?? undefined}>
          {cause.task}{cause.message ? ` · ${cause.message}` : ""}
        </span>
      </>
    ),
  },
  { id: "count", header: "Open", numeric: true, cell: (cause) => <strong className="font-semibold text-red">{formatTotal({ value: cause.count, kind: cause.kind })}</strong> },
  { id: "last", header: "Last", numeric: true, hideBelow: "sm", className: "whitespace-nowrap text-ink-2", cell: (cause) => <Time at={cause.last_failed_at} /> },
  {
    id: "sample",
    header: <span className="sr-only">Example</span>,
    className: "whitespace-nowrap",
    cell: (cause) => <Link to="/dead-letters/$jobId" params={{ jobId: cause.sample_job_id }} aria-label={`Newest example of ${shortType(cause.error_type ?? cause.task)}`} className="text-accent hover:underline">Example</Link>,
  },
];

export function Causes({ overview }: { overview: Overview }) {
  const { failures, dead_letters_open: open } = overview;
  return (
    <Panel title="Top failure causes" flush aside={open.value ? <Link to="/dead-letters" className="hover:text-ink hover:underline">{countOf(open, "open dead letter")}</Link> : null}>
      <DataTable
        label="Top failure causes"
        rows={failures}
        columns={COLUMNS}
        rowId={(cause) => cause.sample_job_id}
        empty={<EmptyState icon={CircleCheck} title="No open dead letters">A job that fails for good waits here with its reason until someone replays or discards it.</EmptyState>}
      />
    </Panel>
  );
}
