// The Overview: what needs a person first, then how work flows, what fails, and where jobs wait.
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";

import { Attention } from "./Attention";
import { Causes } from "./Causes";
import { DemoPanel } from "./DemoPanel";
import { FirstRun } from "./FirstRun";
import { QueueDepths } from "./QueueDepths";
import { StateCounts } from "./StateCounts";
import { Throughput } from "./Throughput";
import { Loaded } from "@/components/ui/Loaded";
import { Page, Panel } from "@/components/ui/Page";
import { Time } from "@/components/ui/Time";
import { overviewQuery, tasksQuery } from "@/lib/api/queries";
import type { Overview } from "@/lib/api/types";

export function OverviewPage() {
  const overview = useQuery(overviewQuery);
  const tasks = useQuery(tasksQuery);
  const offered = new Set(tasks.data?.items.map((task) => task.name));
  const untouched = overview.data ? isUntouched(overview.data) : false;
  // Who runs the first job from here sees it through, though the page is empty no more.
  const [begun, setBegun] = useState(false);
  return (
    <Page title="Overview" context={overview.data ? <>As of <Time at={overview.data.at} /></> : null}>
      {untouched || begun ? <FirstRun canEcho={offered.has("demo.echo")} untouched={untouched} onRun={() => setBegun(true)} /> : null}
      {untouched ? null : (
        <Loaded query={overview} skeleton={<OverviewSkeleton />}>
          {(data) => (
            <>
              <Attention overview={data} />
              <div className="grid gap-4 xl:grid-cols-[minmax(0,2fr)_minmax(0,1fr)]">
                <Throughput overview={data} />
                <StateCounts overview={data} />
              </div>
              <div className="grid gap-4 xl:grid-cols-2">
                <Causes overview={data} />
                <QueueDepths overview={data} />
              </div>
            </>
          )}
        </Loaded>
      )}
      {offered.has("demo.start") && offered.has("mainframe.totals") ? <DemoPanel /> : null}
    </Page>
  );
}

/** Nothing was ever submitted here, as far as one can see. */
function isUntouched({ states }: Overview): boolean {
  return states.every(({ value }) => value === 0);
}

function OverviewSkeleton() {
  return (
    <>
      <div className="grid grid-cols-2 gap-3 xl:grid-cols-4">
        {["a", "b", "c", "d"].map((key) => <div key={key} className="h-[5.75rem] rounded-xl border bg-surface" />)}
      </div>
      <Panel label="Loading"><div className="h-44" role="status"><span className="sr-only">Loading</span></div></Panel>
    </>
  );
}
