// One job: what happened first, then its attempts, result and payload; facts and history beside them.
import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";

import { showCommand, submitCurl } from "./commands";
import { PayloadPanel, ResultPanel } from "./Documents";
import { EffectsPanel } from "./EffectsPanel";
import { Facts } from "./Facts";
import { cancelOf, stopAsked } from "./events";
import { History } from "./History";
import { JobActs } from "./JobActs";
import { MissingJob } from "./MissingJob";
import { StoryPanel } from "./StoryPanel";
import { AttemptList } from "@/components/ui/AttemptList";
import { CopyButton } from "@/components/ui/CopyButton";
import { Loaded } from "@/components/ui/Loaded";
import { Page, Panel } from "@/components/ui/Page";
import { StateBadge } from "@/components/ui/StateBadge";
import { SkeletonLines } from "@/components/ui/States";
import { Time } from "@/components/ui/Time";
import { ApiError } from "@/lib/api/errors";
import { jobEventsQuery, jobQuery } from "@/lib/api/queries";
import { sessionQuery } from "@/lib/api/session";
import type { JobDetail } from "@/lib/api/types";
import { basePath } from "@/lib/base";
import { shortId } from "@/lib/ids";
import { countOf } from "@/lib/numbers";

const route = getRouteApi("/jobs/$jobId");
const MOST_ATTEMPTS = 100;

export function JobPage() {
  const { jobId } = route.useParams();
  const job = useQuery(jobQuery(jobId));
  const events = useQuery({ ...jobEventsQuery(jobId), enabled: job.data !== undefined }).data?.items;
  const missing = job.error instanceof ApiError && job.error.status === 404;
  const stop = job.data ? stopAsked(job.data, events) : null;
  return (
    <Page
      title={`${job.data?.task ?? "Job"} ${shortId(jobId)}`}
      heading={job.data ? <span className="flex flex-wrap items-center gap-x-3 gap-y-1"><span className="min-w-0 break-all">{job.data.task}</span><StateBadge state={job.data.state} /></span> : missing ? "No such job" : "Job"}
      crumb={<span className="inline-flex flex-wrap items-center gap-x-1"><Link to="/jobs">Jobs</Link> / <span className="mono break-all">{jobId}</span><CopyButton text={jobId} label="Copy id" /></span>}
      context={job.data && !missing ? <Context job={job.data} /> : null}
      actions={job.data && !missing ? <><CopyCommands job={job.data} /><JobActs job={job.data} stopping={stop !== null} /></> : null}
    >
      {missing ? <MissingJob id={jobId} /> : (
        <Loaded query={job} skeleton={<Panel flush label="Job"><SkeletonLines lines={8} /></Panel>}>
          {(data) => (
            <div className="grid items-start gap-4 lg:grid-cols-[minmax(0,1fr)_22rem]">
              <div className="min-w-0 space-y-4">
                <StoryPanel job={data} stop={stop} cancel={data.state === "CANCELLED" ? cancelOf(events) : null} />
                <ResultPanel job={data} />
                <EffectsPanel job={data} />
                <Attempts job={data} />
                <PayloadPanel job={data} />
              </div>
              <div className="min-w-0 space-y-4">
                <Facts job={data} />
                <History id={jobId} />
              </div>
            </div>
          )}
        </Loaded>
      )}
    </Page>
  );
}

function Context({ job }: { job: JobDetail }) {
  return (
    <>
      in <Link to="/jobs" search={{ queue: job.queue }} className="hover:text-ink hover:underline">{job.queue}</Link>, created <Time at={job.created_at} />
      {job.retry_count ? `, ${countOf(job.retry_count, "retry", "retries")}` : ""}
    </>
  );
}

function CopyCommands({ job }: { job: JobDetail }) {
  const secured = useQuery(sessionQuery).data?.required === true;
  return (
    <>
      <CopyButton text={submitCurl(`${location.origin}${basePath}`, secured, job)} label="Copy as curl" className="h-8 px-2">curl</CopyButton>
      <CopyButton text={showCommand(job.id)} label="Copy CLI command" className="h-8 px-2">CLI</CopyButton>
    </>
  );
}

function Attempts({ job }: { job: JobDetail }) {
  const { attempt } = route.useSearch();
  const navigate = route.useNavigate();
  const { attempts } = job;
  if (!attempts.length) return null;
  const capped = attempts.length >= MOST_ATTEMPTS;
  return (
    <Panel title="Attempts" flush aside={<span className="text-xs text-ink-3">{countOf({ value: attempts.length, kind: capped ? "capped" : "exact" }, "attempt")} ended{capped ? ", the latest are shown" : ""}</span>}>
      <AttemptList attempts={attempts} open={attempt} onOpen={(next) => void navigate({ to: ".", search: { attempt: next }, replace: true, resetScroll: false })} />
    </Panel>
  );
}
