// What a job was given and what it returned, each digit as it is kept.
import { useMemo } from "react";

import { JsonView } from "@/components/ui/JsonView";
import { Panel } from "@/components/ui/Page";
import type { JobDetail } from "@/lib/api/types";
import { stringifyJson } from "@/lib/json";
import { formatBytes } from "@/lib/numbers";

export function PayloadPanel({ job }: { job: JobDetail }) {
  return <Document title="Payload" value={job.payload} />;
}

/** Nothing where there can be no result. */
export function ResultPanel({ job }: { job: JobDetail }) {
  if (job.state !== "SUCCEEDED" && job.result === null) return null;
  return <Document title="Result" value={job.result} none="The task returned nothing." />;
}

function Document({ title, value, none }: { title: string; value: unknown; none?: string }) {
  const size = useMemo(() => new Blob([stringifyJson(value)]).size, [value]);
  const nothing = none !== undefined && value === null;
  return (
    <Panel title={title} label={`${title} of this job`} aside={nothing ? null : <span className="text-xs text-ink-3">{formatBytes(size)}</span>}>
      {nothing ? <p className="text-ink-2">{none}</p> : <JsonView value={value} label={title} />}
    </Panel>
  );
}
