// The columns of the list: task, why, by which rule it ended, how often, when; for closed ones what was decided.
import { ReasonWord, Why } from "./cells";
import type { Column } from "@/components/ui/DataTable";
import { ShortId } from "@/components/ui/ShortId";
import { Time } from "@/components/ui/Time";
import type { DeadLetter } from "@/lib/api/types";
import { formatCount } from "@/lib/numbers";

const TASK: Column<DeadLetter> = { id: "task", header: "Task", hideBelow: "md", className: "whitespace-nowrap text-ink-2", cell: ({ task }) => <span className="mono">{task}</span> };

const WHY: Column<DeadLetter> = { id: "why", header: "Why", className: "w-full max-w-0 py-1.5 md:py-0", cell: (letter) => <Why letter={letter} /> };

const FAILURES: Column<DeadLetter> = { id: "failures", header: <span title="How often it failed for good">Failures</span>, numeric: true, hideBelow: "lg", cell: ({ failures }) => formatCount(failures) };

const ID: Column<DeadLetter> = { id: "id", header: "Id", hideBelow: "lg", className: "whitespace-nowrap", cell: ({ job_id: id }) => <ShortId id={id} copy /> };

const FAILED: Column<DeadLetter> = { id: "failed", header: "Failed", numeric: true, className: "whitespace-nowrap text-ink-2", cell: ({ failed_at: at }) => <Time at={at} /> };

export const OPEN_COLUMNS: Column<DeadLetter>[] = [
  TASK,
  WHY,
  { id: "reason", header: "Reason", hideBelow: "md", className: "whitespace-nowrap", cell: ({ reason }) => <ReasonWord reason={reason} /> },
  FAILURES,
  FAILED,
  ID,
];

export const CLOSED_COLUMNS: Column<DeadLetter>[] = [
  TASK,
  WHY,
  { id: "decision", header: "Decision", hideBelow: "md", className: "min-w-48 max-w-64", cell: ({ closed_reason: why }) => <span className="block truncate" title={why ?? undefined}>{why}</span> },
  { id: "by", header: "By", hideBelow: "lg", className: "max-w-40", cell: ({ closed_by: by }) => <span className="block truncate text-ink-2" title={by ?? undefined}>{by}</span> },
  { id: "closed", header: "Decided", numeric: true, className: "whitespace-nowrap text-ink-2", cell: ({ closed_at: at }) => <Time at={at} /> },
  ID,
];
