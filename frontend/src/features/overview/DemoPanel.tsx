// The nightly posting demo: start it, watch it, read what it came to, and go to what needs a person.
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { Calculator, Moon } from "lucide-react";
import { useEffect } from "react";

import { countTotals, type Night, nightQuery, stageOf, startNight, TAG, totalsOf } from "./demo";
import { Button } from "@/components/ui/Button";
import { ErrorNote } from "@/components/ui/ErrorState";
import { Loaded } from "@/components/ui/Loaded";
import { Panel } from "@/components/ui/Page";
import { StateBadge } from "@/components/ui/StateBadge";
import { Time } from "@/components/ui/Time";
import { keys } from "@/lib/api/keys";
import { newIdempotencyKey } from "@/lib/ids";
import { formatAmount, formatCount } from "@/lib/numbers";

export function DemoPanel() {
  const night = useQuery(nightQuery);
  return (
    <Panel title={<span className="inline-flex items-center gap-2"><Moon className="size-4 text-ink-3" aria-hidden /> Nightly posting demo</span>} label="Nightly posting demo">
      <Loaded query={night}>{(data) => <Stages night={data} />}</Loaded>
    </Panel>
  );
}

function Stages({ night }: { night: Night }) {
  const client = useQueryClient();
  const start = useMutation({ mutationFn: startNight, onSettled: () => client.invalidateQueries({ queryKey: keys.jobs.all }) });
  const stage = stageOf(night);
  if (stage === "through") return <Through night={night} />;
  return (
    <div className="space-y-4">
      <p className="max-w-2xl text-ink-2">
        A mainframe's night, record by record: {formatCount(300)} daily transactions of a public sample are posted to 50 accounts.
        What cannot be posted fails with its reject code and waits as a dead letter. No money is lost, none is booked twice.
      </p>
      {stage === "posting" ? <Progress night={night} /> : null}
      {stage === "loading" && night.start ? (
        <p role="status" className="flex items-center gap-3"><StateBadge state={night.start.state} /> Loading the files.</p>
      ) : null}
      {stage === "failed" && night.start ? (
        <p role="status" className="flex items-center gap-3">
          <StateBadge state={night.start.state} />
          <Link to="/jobs/$jobId" params={{ jobId: night.start.id }} className="text-accent hover:underline">See why the files were not loaded</Link>
        </p>
      ) : null}
      {stage === "idle" || stage === "failed" ? (
        <Button kind="primary" icon={<Moon aria-hidden />} loading={start.isPending} onClick={() => start.mutate()}>Run the nightly posting demo</Button>
      ) : null}
      {start.error ? <ErrorNote error={start.error} /> : null}
    </div>
  );
}

function Progress({ night: { posted, notPosted, all } }: { night: Night }) {
  const through = posted.value + notPosted.value;
  const share = (value: number) => `${(100 * value) / Math.max(1, all.value)}%`;
  return (
    <div className="max-w-2xl space-y-1.5">
      <div role="progressbar" aria-label="Transactions through" aria-valuemin={0} aria-valuemax={all.value} aria-valuenow={through} className="flex h-2 overflow-hidden rounded-full bg-neutral-soft">
        <span className="bg-green transition-[width] duration-300" style={{ width: share(posted.value) }} />
        <span className="bg-red transition-[width] duration-300" style={{ width: share(notPosted.value) }} />
      </div>
      <p className="text-ink-2">
        <strong className="text-ink">{formatCount(through)}</strong> of {formatCount(all.value)} transactions are through: {formatCount(posted.value)} posted, {formatCount(notPosted.value)} not posted.
      </p>
    </div>
  );
}

function Through({ night }: { night: Night }) {
  const client = useQueryClient();
  const count = useMutation({ mutationFn: countTotals, onSettled: () => client.invalidateQueries({ queryKey: keys.jobs.all }) });
  const { mutate, isIdle } = count;
  const startId = night.start?.id ?? "";
  const uncounted = night.totals === null;
  // The key belongs to the night, so however many pages are open, the first count is made once.
  useEffect(() => {
    if (uncounted && isIdle) mutate(`${TAG}/totals after ${startId}`);
  }, [uncounted, isIdle, mutate, startId]);
  const totals = totalsOf(night.totals);
  const none = { jobs: 0, amount: "0.00" };
  return (
    <div className="space-y-4">
      {totals ? (
        <dl className="grid gap-x-10 gap-y-4 sm:grid-cols-3">
          <Figure id="posted" name="Posted" jobs={(totals.posted ?? none).jobs} amount={(totals.posted ?? none).amount} tone="text-green" />
          <Figure id="not-posted" name="Not posted" jobs={(totals.not_posted ?? none).jobs} amount={(totals.not_posted ?? none).amount} tone="text-red" />
          <Figure id="balances" name="Balances of all accounts" amount={totals.balances ?? "0.00"} tone="text-ink" />
        </dl>
      ) : (
        <p role="status" className="text-ink-2">{count.isPending ? "Counting what was posted." : "The totals were not counted yet."}</p>
      )}
      <div className="flex flex-wrap items-center gap-x-4 gap-y-2">
        <Button icon={<Calculator aria-hidden />} loading={count.isPending} onClick={() => mutate(newIdempotencyKey())}>Recount</Button>
        {night.notPosted.value ? (
          <Link to="/dead-letters" search={{ tag: TAG }} className="font-medium text-accent hover:underline">
            Decide about {formatCount(night.notPosted.value)} {night.notPosted.value === 1 ? "transaction" : "transactions"} that failed
          </Link>
        ) : null}
        {night.totals?.finished_at ? <span className="text-ink-3">Counted <Time at={night.totals.finished_at} /> from the ledger tables, by the job mainframe.totals.</span> : null}
      </div>
      {count.error ? <ErrorNote error={count.error} /> : null}
    </div>
  );
}

function Figure({ id, name, jobs, amount, tone }: { id: string; name: string; jobs?: number; amount: string; tone: string }) {
  return (
    <div className="min-w-0">
      <dt className="text-ink-2">{name}</dt>
      <dd>
        <span data-testid={`demo-${id}-amount`} className={`block text-[1.5rem] leading-8 font-semibold tracking-tight ${tone}`}>{formatAmount(amount)}</span>
        {jobs === undefined ? null : <span className="text-ink-3"><span data-testid={`demo-${id}-jobs`} className="font-medium text-ink">{formatCount(jobs)}</span> transactions</span>}
      </dd>
    </div>
  );
}
