// How many jobs ended in each minute of the last hour, and how.
import { Chart } from "@/components/ui/Chart";
import { Panel } from "@/components/ui/Page";
import type { Overview } from "@/lib/api/types";
import { formatCount } from "@/lib/numbers";

export function Throughput({ overview }: { overview: Overview }) {
  const { buckets } = overview.throughput;
  const latest = buckets.at(-2);
  const ended = latest ? latest.succeeded + latest.failed + latest.cancelled : 0;
  return (
    <Panel title="Throughput" aside={<span>last hour, <span className="text-ink">{formatCount(ended)}</span> in the last full minute</span>}>
      <Chart
        label="Jobs that ended in each minute of the last hour"
        times={buckets.map(({ at }) => at)}
        series={[
          { label: "Succeeded", tone: "green", values: buckets.map(({ succeeded }) => succeeded) },
          { label: "Failed", tone: "red", values: buckets.map(({ failed }) => failed) },
          { label: "Cancelled", tone: "neutral", values: buckets.map(({ cancelled }) => cancelled) },
        ]}
      />
    </Panel>
  );
}
