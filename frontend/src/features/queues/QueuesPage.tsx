// The queues: depth, what runs, the oldest job, limits; pausing, resuming, changing limits.
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { Layers, Pause, Play, SlidersHorizontal } from "lucide-react";
import { useState } from "react";

import { useChangeQueue } from "./api";
import { LimitsDialog } from "./LimitsDialog";
import { Button } from "@/components/ui/Button";
import { ConfirmDialog } from "@/components/ui/ConfirmDialog";
import { type Column, DataTable } from "@/components/ui/DataTable";
import { Loaded } from "@/components/ui/Loaded";
import { Page, Panel } from "@/components/ui/Page";
import { StateBadge } from "@/components/ui/StateBadge";
import { EmptyState, SkeletonLines } from "@/components/ui/States";
import { Age } from "@/components/ui/Time";
import { queuesQuery } from "@/lib/api/queries";
import type { Queue } from "@/lib/api/types";
import { countOf, formatTotal } from "@/lib/numbers";

type Act = { kind: "pause" | "limits"; queue: Queue };

export function QueuesPage() {
  const queues = useQuery(queuesQuery);
  const [act, setAct] = useState<Act | null>(null);
  const close = () => setAct(null);
  return (
    <Page title="Queues" context="Where jobs wait, in what order they may start, and how many at once.">
      <Panel flush label="Queues">
        <Loaded query={queues} skeleton={<SkeletonLines />}>
          {({ items }) => (
            <DataTable
              label="Queues"
              rows={items}
              columns={columnsOf(setAct)}
              rowId={(queue) => queue.name}
              empty={<EmptyState icon={Layers} title="No queue is used yet">A queue appears with its first job, or when a worker serves it.</EmptyState>}
            />
          )}
        </Loaded>
      </Panel>
      {act?.kind === "pause" ? <PauseDialog queue={act.queue} onClose={close} /> : null}
      {act?.kind === "limits" ? <LimitsDialog queue={act.queue} onClose={close} /> : null}
    </Page>
  );
}

function PauseDialog({ queue, onClose }: { queue: Queue; onClose: () => void }) {
  const change = useChangeQueue(onClose);
  const waiting = countOf({ value: queue.ready, kind: queue.counts }, "job");
  return (
    <ConfirmDialog
      open
      onOpenChange={(open) => !open && onClose()}
      title={queue.paused ? `Resume ${queue.name}?` : `Pause ${queue.name}?`}
      description={queue.paused ? `Workers start its jobs again; ${waiting} ready now.` : `Its ${waiting} that are ready stay where they are. Jobs that run go on to their end.`}
      action={queue.paused ? "Resume 1 queue" : "Pause 1 queue"}
      reason={queue.paused ? "optional" : "required"}
      pending={change.isPending}
      error={change.error}
      onConfirm={(reason) => change.mutate({ queue, change: { paused: !queue.paused, ...(reason ? { reason } : {}) } })}
    />
  );
}

function columnsOf(onAct: (act: Act) => void): Column<Queue>[] {
  return [
    {
      id: "name",
      header: "Queue",
      className: "w-full",
      cell: (queue) => (
        <span className="flex items-center gap-2">
          <Link to="/jobs" search={{ queue: queue.name }} data-row-link className="font-medium">{queue.name}</Link>
          {queue.paused ? <StateBadge state="paused" /> : null}
        </span>
      ),
    },
    { id: "ready", header: "Ready", numeric: true, cell: (queue) => formatTotal({ value: queue.ready, kind: queue.counts }) },
    { id: "running", header: "Running", numeric: true, cell: (queue) => formatTotal({ value: queue.running, kind: queue.counts }) },
    { id: "parked", header: <span title="Scheduled, blocked, waiting or in doubt">Parked</span>, numeric: true, hideBelow: "md", cell: (queue) => formatTotal({ value: queue.parked, kind: queue.counts }) },
    { id: "oldest", header: "Oldest ready", numeric: true, className: "whitespace-nowrap", hideBelow: "sm", cell: (queue) => (queue.oldest_ready_at ? <Age since={queue.oldest_ready_at} /> : <span className="text-ink-3">–</span>) },
    { id: "limit", header: "At once", numeric: true, className: "whitespace-nowrap", hideBelow: "md", cell: (queue) => queue.concurrency ?? <span className="text-ink-3">no limit</span> },
    { id: "per-key", header: "Per key", numeric: true, hideBelow: "lg", cell: (queue) => queue.concurrency_per_key },
    {
      id: "acts",
      header: <span className="sr-only">Acts</span>,
      cell: (queue) => (
        <span className="flex justify-end gap-1.5">
          <Button size="small" icon={<SlidersHorizontal aria-hidden />} aria-label={`Limits of ${queue.name}`} onClick={() => onAct({ kind: "limits", queue })}><span className="hidden lg:inline">Limits</span></Button>
          <Button size="small" icon={queue.paused ? <Play aria-hidden /> : <Pause aria-hidden />} aria-label={`${queue.paused ? "Resume" : "Pause"} ${queue.name}`} onClick={() => onAct({ kind: "pause", queue })}>
            <span className="hidden sm:inline">{queue.paused ? "Resume" : "Pause"}</span>
          </Button>
        </span>
      ),
    },
  ];
}
