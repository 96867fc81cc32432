// A task's schema: its fields as a table, the schema itself one tab away.
import { useState } from "react";

import { fieldsOf, type SchemaField } from "./schema";
import { type Column, DataTable } from "@/components/ui/DataTable";
import { JsonView } from "@/components/ui/JsonView";
import { Panel } from "@/components/ui/Page";
import { Button } from "@/components/ui/Button";

const COLUMNS: Column<SchemaField>[] = [
  { id: "name", header: "Field", cell: (field) => <span className="mono font-medium">{field.name}</span> },
  { id: "type", header: "Type", className: "min-w-24", cell: (field) => <span className="mono text-ink-2">{field.type}</span> },
  { id: "required", header: "Required", cell: (field) => (field.required ? "yes" : <span className="text-ink-3">no</span>) },
  { id: "note", header: "Notes", hideBelow: "sm", className: "w-full max-w-0", cell: (field) => <span className="block truncate text-ink-2" title={field.note}>{field.note}</span> },
];

export function SchemaView({ title, schema }: { title: string; schema: unknown }) {
  const [raw, setRaw] = useState(false);
  const fields = fieldsOf(schema);
  const none = schema === null || schema === undefined;
  const shownRaw = raw || fields.length === 0;
  return (
    <Panel
      title={title}
      flush={!shownRaw}
      aside={fields.length ? <Button kind="quiet" size="small" aria-pressed={raw} onClick={() => setRaw(!raw)}>{raw ? "Fields" : "JSON Schema"}</Button> : null}
    >
      {none ? <p className="text-ink-2">Anything: the task names no schema.</p> : shownRaw ? <JsonView value={schema} label={`${title} schema`} /> : <DataTable label={`Fields of the ${title.toLowerCase()}`} rows={fields} columns={COLUMNS} rowId={(field) => field.name} />}
    </Panel>
  );
}
