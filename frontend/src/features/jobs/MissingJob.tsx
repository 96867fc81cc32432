// No job has this id: why that may be, and which ones may have been meant.
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { SearchX } from "lucide-react";

import { Panel } from "@/components/ui/Page";
import { StateBadge } from "@/components/ui/StateBadge";
import { EmptyState } from "@/components/ui/States";
import { lookupQuery } from "@/lib/api/queries";
import { shortId } from "@/lib/ids";

export function MissingJob({ id }: { id: string }) {
  const found = useQuery(lookupQuery(shortId(id)));
  const jobs = found.data?.items.filter(({ kind }) => kind === "job") ?? [];
  return (
    <Panel label="No such job">
      <EmptyState icon={SearchX} title="There is no job with this id">
        It may have been removed after its time, or the id is mistyped. Paste the id, its last 8 characters, or the idempotency key into the search box above, or look through the{" "}
        <Link to="/jobs" className="text-accent underline underline-offset-2">newest jobs</Link>.
      </EmptyState>
      {jobs.length ? (
        <section aria-label="Jobs with a similar id" className="mx-auto max-w-md border-t pt-3 pb-2">
          <h2 className="mb-1 text-xs text-ink-3">Ending the same way</h2>
          <ul>
            {jobs.map((job) => (
              <li key={job.id}>
                <Link to="/jobs/$jobId" params={{ jobId: job.id }} className="flex items-center justify-between gap-3 rounded-md px-2 py-1.5 hover:bg-hover">
                  <span className="min-w-0"><span className="block truncate">{job.label}</span><span className="mono block truncate text-xs text-ink-3">{job.id}</span></span>
                  {job.state ? <StateBadge state={job.state} /> : null}
                </Link>
              </li>
            ))}
          </ul>
        </section>
      ) : null}
    </Panel>
  );
}
