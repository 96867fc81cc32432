// The list of jobs, newest first, with its filters in the URL.
import { useQuery } from "@tanstack/react-query";
import { getRouteApi } from "@tanstack/react-router";

import { listCurl } from "./commands";
import { ageOf, askedOf } from "./filters";
import { JobFilters } from "./JobFilters";
import { JobTable } from "./JobTable";
import { JobsProblem, NoJobs } from "./ListNotes";
import type { JobsSearch } from "./search";
import { CopyButton } from "@/components/ui/CopyButton";
import { NewPill } from "@/components/ui/NewPill";
import { Page, Panel } from "@/components/ui/Page";
import { Pagination } from "@/components/ui/Pagination";
import { jobsQuery } from "@/lib/api/queries";
import { sessionQuery } from "@/lib/api/session";
import { basePath } from "@/lib/base";
import { useClock } from "@/lib/clock";
import { compact } from "@/lib/search";
import { useSteadyList } from "@/lib/use-steady-list";

const route = getRouteApi("/jobs");

export function JobsPage() {
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const [asked, age] = [askedOf(search), ageOf(search)];
  const jobs = useQuery(jobsQuery(asked, age));
  const list = useSteadyList(jobs.data?.items ?? [], (job) => job.id, JSON.stringify([asked, age, jobs.isPlaceholderData]));
  const go = (next: JobsSearch) => void navigate({ to: ".", search: next });
  const arrived = search.cursor ? 0 : list.newCount;
  return (
    <Page title="Jobs" actions={<CopyAsCurl search={search} />}>
      <JobFilters search={search} onChange={go} />
      <div className="sticky top-14 z-20 !my-0 flex h-0 items-start justify-center">
        <span className="-mt-3.5"><NewPill count={arrived} more={arrived > 0 && arrived === jobs.data?.items.length} gone={list.gone.size} onShow={list.showNew} /></span>
      </div>
      <Panel flush label="Jobs">
        {jobs.error && !jobs.data ? (
          <JobsProblem error={jobs.error} search={search} onChange={go} onRetry={() => void jobs.refetch()} />
        ) : (
          <>
            <JobTable rows={jobs.data ? list.rows : undefined} stale={jobs.isPlaceholderData} isOld={(job) => list.gone.has(job)} empty={<NoJobs search={search} onChange={go} />} />
            <Pagination search={search} nextCursor={jobs.data?.next_cursor} total={jobs.data?.total} noun="job" onChange={(page) => go(compact({ ...search, ...page }))} />
          </>
        )}
      </Panel>
    </Page>
  );
}

function CopyAsCurl({ search }: { search: JobsSearch }) {
  const secured = useQuery(sessionQuery).data?.required === true;
  const age = ageOf(search);
  const since = useClock((now) => (age === undefined ? null : new Date(Math.floor((now - age) / 60_000) * 60_000).toISOString()));
  const asked = { ...askedOf(search), ...(since ? { created_after: since } : {}) };
  return <CopyButton text={listCurl(`${location.origin}${basePath}`, secured, asked)} label="Copy as curl">Copy as curl</CopyButton>;
}
