// Where jobs wait and run, the queues with most to do first.
import { Link } from "@tanstack/react-router";
import { Layers } from "lucide-react";

import { type Column, DataTable } from "@/components/ui/DataTable";
import { Panel } from "@/components/ui/Page";
import { StateBadge } from "@/components/ui/StateBadge";
import { EmptyState } from "@/components/ui/States";
import { Age } from "@/components/ui/Time";
import type { Overview } from "@/lib/api/types";
import { formatTotal } from "@/lib/numbers";

type Depth = Overview["queues"][number];

const QUEUES_SHOWN = 8;

const COLUMNS: Column<Depth>[] = [
  {
    id: "name",
    header: "Queue",
    className: "max-w-0 w-full",
    cell: (queue) => (
      <span className="flex items-center gap-2">
        <Link to="/jobs" search={{ queue: queue.name }} data-row-link className="truncate font-medium">{queue.name}</Link>
        {queue.paused ? <StateBadge state="paused" /> : null}
      </span>
    ),
  },
  { id: "ready", header: "Ready", numeric: true, cell: (queue) => formatTotal({ value: queue.ready, kind: queue.counts }) },
  { id: "running", header: "Running", numeric: true, cell: (queue) => formatTotal({ value: queue.running, kind: queue.counts }) },
  { id: "parked", header: "Parked", numeric: true, hideBelow: "sm", cell: (queue) => formatTotal({ value: queue.parked, kind: queue.counts }) },
  { id: "oldest", header: "Oldest ready", numeric: true, className: "whitespace-nowrap", cell: (queue) => (queue.oldest_ready_at ? <Age since={queue.oldest_ready_at} /> : <span className="text-ink-3">–</span>) },
];

export function QueueDepths({ overview }: { overview: Overview }) {
  const rows = overview.queues.slice(0, QUEUES_SHOWN);
  return (
    <Panel title="Queues" flush aside={<Link to="/queues" className="hover:text-ink hover:underline">All queues</Link>}>
      <DataTable label="Queues" rows={rows} columns={COLUMNS} rowId={(queue) => queue.name} empty={<EmptyState icon={Layers} title="No queue is used yet" />} />
    </Panel>
  );
}
