// The workers: which live, which fell silent, what each serves and runs.
import { useQuery } from "@tanstack/react-query";
import { Cpu } from "lucide-react";

import { CodeBlock } from "@/components/ui/CodeBlock";
import { type Column, DataTable } from "@/components/ui/DataTable";
import { Loaded } from "@/components/ui/Loaded";
import { Page, Panel } from "@/components/ui/Page";
import { ShortId } from "@/components/ui/ShortId";
import { StateBadge } from "@/components/ui/StateBadge";
import { EmptyState, SkeletonLines } from "@/components/ui/States";
import { Time } from "@/components/ui/Time";
import { overviewQuery, workersQuery } from "@/lib/api/queries";
import type { Worker } from "@/lib/api/types";
import { countOf, formatCount } from "@/lib/numbers";

/** The lease of an executor unless someone changed it: a worker silent for longer has lost its jobs to others. */
const LEASE_SECONDS = 15;

const COLUMNS: Column<Worker>[] = [
  { id: "state", header: "State", cell: (worker) => <StateBadge state={stateOf(worker)} /> },
  { id: "host", header: "Host", className: "w-full", cell: (worker) => <span className="font-medium">{worker.host} <span className="font-normal text-ink-3">pid {worker.pid}</span></span> },
  { id: "id", header: "Id", hideBelow: "md", cell: (worker) => <ShortId id={worker.id} copy /> },
  { id: "running", header: "Running", numeric: true, cell: (worker) => (stateOf(worker) === "stopped" ? <span className="text-ink-3">–</span> : formatCount(worker.running)) },
  { id: "executors", header: "Executors", numeric: true, hideBelow: "sm", cell: (worker) => formatCount(worker.executors) },
  { id: "queues", header: "Queues", hideBelow: "md", className: "max-w-64 min-w-40", cell: (worker) => <Names names={worker.queues} /> },
  { id: "tasks", header: "Tasks", numeric: true, hideBelow: "lg", cell: (worker) => <span title={worker.tasks.join(", ")}>{formatCount(worker.tasks.length)}</span> },
  { id: "version", header: "Version", hideBelow: "lg", cell: (worker) => <span className="mono text-ink-2">{worker.version}</span> },
  { id: "started", header: "Started", numeric: true, hideBelow: "lg", className: "whitespace-nowrap text-ink-2", cell: (worker) => <Time at={worker.started_at} /> },
  { id: "seen", header: "Last seen", numeric: true, className: "whitespace-nowrap text-ink-2", cell: (worker) => <Time at={worker.seen_at} /> },
];

export function WorkersPage() {
  const workers = useQuery(workersQuery);
  const fleet = useQuery(overviewQuery).data?.workers;
  return (
    <Page title="Workers" context={fleet ? `${formatCount(fleet.live)} live, ${formatCount(fleet.draining)} draining, ${formatCount(fleet.silent)} silent; ${countOf(fleet.executors, "executor")}, ${countOf(fleet.running, "job")} running.` : "Who runs the jobs."}>
      <Panel flush label="Workers">
        <Loaded query={workers} skeleton={<SkeletonLines />}>
          {({ items }) => (
            <DataTable
              label="Workers"
              rows={items}
              columns={COLUMNS}
              rowId={(worker) => worker.id}
              empty={
                <EmptyState icon={Cpu} title="No worker was ever here" action={<CodeBlock code="easyflow worker" label="command that starts a worker" />}>
                  Jobs wait in their queues until a worker serves them.
                </EmptyState>
              }
            />
          )}
        </Loaded>
      </Panel>
    </Page>
  );
}

function stateOf(worker: Worker): string {
  return worker.state !== "stopped" && worker.silent_seconds > LEASE_SECONDS ? "silent" : worker.state;
}

function Names({ names }: { names: readonly string[] }) {
  const text = names.join(", ");
  return <span className="block truncate text-ink-2" title={text}>{text || "none"}</span>;
}
