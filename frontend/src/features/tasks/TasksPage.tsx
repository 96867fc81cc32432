// The registered tasks: what each does, how it is run, and the schemas of its payload and result.
import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { SquareFunction } from "lucide-react";

import { SchemaView } from "./SchemaView";
import { Badge } from "@/components/ui/Badge";
import { CopyButton } from "@/components/ui/CopyButton";
import { KeyValues } from "@/components/ui/KeyValues";
import { Loaded } from "@/components/ui/Loaded";
import { Page, Panel } from "@/components/ui/Page";
import { EmptyState, SkeletonLines } from "@/components/ui/States";
import { Time } from "@/components/ui/Time";
import { tasksQuery } from "@/lib/api/queries";
import type { Effects, Task } from "@/lib/api/types";
import { cx } from "@/lib/cx";
import { formatDuration } from "@/lib/time";

const route = getRouteApi("/tasks");

const EFFECTS: Record<Effects, string> = {
  pure: "changes nothing outside; may run again freely",
  transactional: "commits with its job, so its effects happen once",
  keyed: "sends an idempotency key to the other side",
  queryable: "can ask the other side what happened",
  unsafe: "an attempt that was lost may have had its effect",
};

export function TasksPage() {
  const tasks = useQuery(tasksQuery);
  const chosen = route.useSearch().task;
  return (
    <Page title="Tasks" context="What can be run here: every task a worker registered.">
      <Loaded query={tasks} skeleton={<Panel flush label="Tasks"><SkeletonLines /></Panel>}>
        {({ items }) => {
          const open = items.find((task) => task.name === chosen) ?? (chosen ? undefined : items[0]);
          if (!items.length) return <Panel flush label="Tasks"><EmptyState icon={SquareFunction} title="No task is registered yet">A worker registers its tasks when it starts.</EmptyState></Panel>;
          return (
            <div className="grid items-start gap-4 lg:grid-cols-[minmax(14rem,22rem)_minmax(0,1fr)]">
              <TaskList tasks={items} open={open} />
              {open ? <TaskCard task={open} /> : <Panel flush label={chosen}><EmptyState icon={SquareFunction} title={`No worker registered ${chosen}`}>Choose another task from the list.</EmptyState></Panel>}
            </div>
          );
        }}
      </Loaded>
    </Page>
  );
}

function TaskList({ tasks, open }: { tasks: readonly Task[]; open: Task | undefined }) {
  return (
    <Panel flush label="All tasks">
      <ul className="py-1">
        {tasks.map((task) => (
          <li key={task.name}>
            <Link to="/tasks" search={{ task: task.name }} aria-current={task === open ? "true" : undefined} className={cx("block px-4 py-2 hover:bg-hover", task === open && "bg-hover")}>
              <span className="mono block truncate font-medium">{task.name}</span>
              <span className="block truncate text-xs text-ink-3">{firstLine(task.description) || "No description"}</span>
            </Link>
          </li>
        ))}
      </ul>
    </Panel>
  );
}

function TaskCard({ task }: { task: Task }) {
  return (
    <div className="min-w-0 space-y-4">
      <Panel
        title={<span className="mono inline-flex items-center gap-1">{task.name}<CopyButton text={task.name} label="Copy name" /></span>}
        label={task.name}
        aside={<Link to="/jobs" search={{ task: task.name }} className="hover:text-ink hover:underline">Its jobs</Link>}
      >
        <div className="space-y-4">
          {task.description ? <p className="max-w-3xl whitespace-pre-line">{task.description}</p> : null}
          <KeyValues
            facts={[
              ["Effects", <span key="e" className="flex flex-wrap items-center gap-2"><Badge tone={task.effects === "unsafe" ? "amber" : "neutral"}>{task.effects}</Badge><span className="text-ink-2">{EFFECTS[task.effects]}</span></span>],
              ["Queue", <Link key="q" to="/jobs" search={{ queue: task.queue }} className="hover:underline">{task.queue}</Link>],
              ["Attempts", `at most ${task.max_attempts}`],
              ["Timeout", formatDuration(task.timeout_seconds * 1000)],
              ["Isolation", task.isolation === "process" ? "a process of its own for each job" : "shared executor process"],
              ["Code", <span key="c" className="mono">{task.code_digest.slice(0, 12)}</span>],
              ["Registered", <Time key="r" at={task.registered_at} />],
              ["Last seen", <Time key="s" at={task.seen_at} />],
            ]}
          />
        </div>
      </Panel>
      <SchemaView title="Payload" schema={task.payload_schema} />
      <SchemaView title="Result" schema={task.result_schema} />
    </div>
  );
}

function firstLine(text: string): string {
  return text.trim().split("\n")[0] ?? "";
}
