// A chart of counts over time, loaded when it is needed, with the same numbers as a table for who cannot see it.
import { ChartColumn, Table as TableIcon } from "lucide-react";
import { lazy, Suspense, useState } from "react";

import { Button } from "@/components/ui/Button";
import type { Tone } from "@/components/ui/tones";
import { cx } from "@/lib/cx";
import { formatCount } from "@/lib/numbers";
import { zone } from "@/lib/preferences";
import { useStore } from "@/lib/store";
import { formatAbsolute } from "@/lib/time";

const ChartView = lazy(() => import("@/components/ui/ChartView"));

export interface Series {
  label: string;
  tone: Tone;
  values: readonly number[];
}

export interface ChartProps {
  /** What the chart shows, in one sentence. */
  label: string;
  /** The beginnings of the buckets, oldest first, ISO. */
  times: readonly string[];
  /** Stacked from the first upwards. */
  series: readonly Series[];
  height?: number;
}

const DOTS: Record<Tone, string> = {
  neutral: "bg-neutral",
  blue: "bg-blue",
  teal: "bg-teal",
  violet: "bg-violet",
  amber: "bg-amber",
  green: "bg-green",
  red: "bg-red",
};

/** Stacked bars with a legend of sums, and a switch to the numbers as a table. */
export function Chart(props: ChartProps) {
  const { label, series, height = 150 } = props;
  const [asTable, setAsTable] = useState(false);
  const Icon = asTable ? ChartColumn : TableIcon;
  return (
    <figure aria-label={label} className="space-y-2">
      <figcaption className="flex flex-wrap items-center gap-x-4 gap-y-1">
        {series.map(({ label: name, tone, values }) => (
          <span key={name} className="inline-flex items-center gap-1.5 text-ink-2">
            <span className={cx("size-2 rounded-xs", DOTS[tone])} aria-hidden />
            {name} <strong className="font-semibold text-ink">{formatCount(values.reduce((sum, value) => sum + value, 0))}</strong>
          </span>
        ))}
        <Button kind="quiet" size="small" className="ml-auto" icon={<Icon aria-hidden />} aria-pressed={asTable} onClick={() => setAsTable(!asTable)}>
          {asTable ? "Chart" : "Table"}
        </Button>
      </figcaption>
      {asTable ? (
        <NumbersTable {...props} />
      ) : (
        <div aria-hidden className={height === 150 ? "h-[150px]" : "h-[220px]"}>
          <Suspense>
            <ChartView {...props} height={height} />
          </Suspense>
        </div>
      )}
    </figure>
  );
}

function NumbersTable({ label, times, series }: ChartProps) {
  const shown = useStore(zone);
  return (
    <div className="max-h-[220px] overflow-auto rounded-md border" tabIndex={0} role="region" aria-label={`${label}, as a table`}>
      <table className="w-full">
        <thead>
          <tr className="text-left text-xs text-ink-3">
            <th scope="col" className="px-3 py-1 font-medium">Minute</th>
            {series.map(({ label: name }) => <th key={name} scope="col" className="px-3 py-1 text-right font-medium">{name}</th>)}
          </tr>
        </thead>
        <tbody>
          {times.map((at, index) => (
            <tr key={at} className="border-t">
              <td className="px-3 py-0.5">{formatAbsolute(at, shown).slice(0, 16)}</td>
              {series.map(({ label: name, values }) => <td key={name} className="px-3 py-0.5 text-right">{formatCount(values[index] ?? 0)}</td>)}
            </tr>
          )).reverse()}
        </tbody>
      </table>
    </div>
  );
}
