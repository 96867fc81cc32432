// The first thing a newcomer sees: one job, by a click, with curl, or from Python.
import { useMutation, useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { Play, Rocket } from "lucide-react";
import { useState } from "react";

import { Button } from "@/components/ui/Button";
import { CodeBlock } from "@/components/ui/CodeBlock";
import { ErrorNote } from "@/components/ui/ErrorState";
import { Panel } from "@/components/ui/Page";
import { StateBadge } from "@/components/ui/StateBadge";
import { Tabs } from "@/components/ui/Tabs";
import { jobQuery } from "@/lib/api/queries";
import { sessionQuery } from "@/lib/api/session";
import { submitJob } from "@/lib/api/submit";
import { type JobDetail, hasEnded } from "@/lib/api/types";
import { basePath } from "@/lib/base";
import { newIdempotencyKey, shortId } from "@/lib/ids";
import { stringifyJson } from "@/lib/json";
import { formatDuration } from "@/lib/time";

const PAYLOAD = { message: "hello, EasyFlow" };
const FOLLOW_MILLISECONDS = 700;

interface FirstRunProps {
  canEcho: boolean;
  untouched: boolean;
  /** Hears that the person ran a job from here. */
  onRun: () => void;
}

export function FirstRun({ canEcho, untouched, onRun }: FirstRunProps) {
  const [way, setWay] = useState("button");
  const secured = useQuery(sessionQuery).data?.required === true;
  const origin = `${location.origin}${basePath}`;
  return (
    <Panel label="Your first job">
      <div className="mx-auto max-w-2xl space-y-4 py-4">
        <header className="space-y-1">
          <Rocket className="size-6 text-accent" strokeWidth={1.5} aria-hidden />
          <h2 className="text-lg font-semibold">Run your first job</h2>
          <p className="text-ink-2">{untouched ? "Nothing was submitted here yet. " : ""}A job names a task and carries a payload; a worker runs it, and every attempt, result and error is kept.</p>
        </header>
        <Tabs
          label="Ways to submit a job"
          value={way}
          onChange={setWay}
          tabs={[
            { id: "button", label: "From here", content: <EchoButton canEcho={canEcho} onRun={onRun} /> },
            { id: "curl", label: "curl", content: <CodeBlock label="curl command" code={curlOf(origin, secured)} /> },
            { id: "python", label: "Python", content: <CodeBlock label="Python code" code={pythonOf(origin, secured)} /> },
          ]}
        />
      </div>
    </Panel>
  );
}

function EchoButton({ canEcho, onRun }: Pick<FirstRunProps, "canEcho" | "onRun">) {
  const [key] = useState(newIdempotencyKey);
  const submit = useMutation({ mutationFn: () => submitJob("demo.echo", PAYLOAD, key), onMutate: onRun });
  const id = submit.data?.id ?? "";
  const job = useQuery({
    ...jobQuery(id),
    enabled: Boolean(id),
    refetchInterval: (query) => (query.state.data && hasEnded(query.state.data.state) ? false : FOLLOW_MILLISECONDS),
  });
  return (
    <div className="space-y-3">
      <p className="text-ink-2">Submits <code className="mono text-ink">demo.echo</code> with <code className="mono text-ink">{stringifyJson(PAYLOAD)}</code> and follows it to its end.</p>
      <Button kind="primary" icon={<Play aria-hidden />} loading={submit.isPending} onClick={() => submit.mutate()}
        disabledReason={canEcho ? (id ? "The first job is under way; its row is below." : null) : "No worker offers demo.echo yet. Start one with: easyflow worker"}>
        Run demo.echo
      </Button>
      {submit.error ? <ErrorNote error={submit.error} /> : null}
      {id ? <Follow id={id} state={job.data?.state ?? submit.data?.state ?? "READY"} job={job.data} /> : null}
    </div>
  );
}

function Follow({ id, state, job }: { id: string; state: JobDetail["state"]; job: JobDetail | undefined }) {
  return (
    <p role="status" className="flex flex-wrap items-center gap-x-3 gap-y-1 rounded-lg border bg-sunken px-3 py-2">
      <StateBadge state={state} />
      <Link to="/jobs/$jobId" params={{ jobId: id }} className="mono text-accent hover:underline">{shortId(id)}</Link>
      {job?.finished_at ? <span className="text-ink-2">in {formatDuration(Date.parse(job.finished_at) - Date.parse(job.created_at))}</span> : null}
      {job?.result ? <span className="mono min-w-0 break-all text-ink-2">{stringifyJson(job.result)}</span> : null}
    </p>
  );
}

function curlOf(origin: string, secured: boolean): string {
  const key = secured ? '  -H "Authorization: Bearer $EASYFLOW_API_KEY" \\\n' : "";
  const body = stringifyJson({ task: "demo.echo", payload: PAYLOAD });
  return `curl -s ${origin}/api/v1/jobs \\\n${key}  -H "Content-Type: application/json" \\\n  -d '${body}'`;
}

function pythonOf(origin: string, secured: boolean): string {
  const key = secured ? ', api_key=os.environ["EASYFLOW_API_KEY"]' : "";
  return `${secured ? "import os\n\n" : ""}from easyflow.client import Client

with Client("${origin}"${key}) as client:
    job = client.submit("demo.echo", ${stringifyJson(PAYLOAD)})
    print(client.wait(job.id).state)`;
}
