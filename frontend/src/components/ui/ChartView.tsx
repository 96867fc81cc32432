// The drawing itself: uPlot with stacked bars in the page's colours.
import "uplot/dist/uPlot.min.css";

import { useEffect, useRef } from "react";
import uPlot from "uplot";

import type { ChartProps } from "@/components/ui/Chart";
import { shownTheme, zone } from "@/lib/preferences";
import { useStore } from "@/lib/store";
import { formatClock } from "@/lib/time";

/** Stacked bars; drawn anew when the theme, the zone or the number of series changes, else only given new numbers. */
export default function ChartView({ times, series, height = 150 }: ChartProps) {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const theme = useStore(shownTheme);
  const shownZone = useStore(zone);
  const tones = series.map(({ tone }) => tone).join(" ");
  const data = stacked(times, series);
  const latest = useRef(data);

  useEffect(() => {
    latest.current = data;
    plot.current?.setData(data);
  });

  useEffect(() => {
    const box = place.current;
    if (!box) return;
    const colour = (name: string) => getComputedStyle(box).getPropertyValue(`--${name}`).trim();
    const bars = uPlot.paths.bars?.({ size: [0.72, 22], radius: 0.15 });
    const axis = { stroke: colour("ink-3"), font: "11px Inter Variable, sans-serif", ticks: { show: false } };
    const drawn = new uPlot(
      {
        width: box.clientWidth,
        height,
        padding: [8, 4, 0, 0],
        legend: { show: false },
        cursor: { show: false },
        scales: { x: { time: true }, y: { range: (_self, _low, high) => [0, Math.max(4, high * 1.1)] } },
        axes: [
          { ...axis, size: 26, grid: { show: false }, space: 64, values: (_self, splits) => splits.map((at) => formatClock(new Date(at * 1000).toISOString(), shownZone)) },
          { ...axis, size: 44, space: 26, grid: { stroke: colour("line"), width: 1 }, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5, 1e6] },
        ],
        // The tallest stack is drawn first, so that each one below it covers its part.
        series: [{}, ...tones.split(" ").reverse().map((tone) => ({ fill: colour(tone), stroke: colour(tone), width: 0, paths: bars, points: { show: false } }))],
      },
      latest.current,
      box,
    );
    plot.current = drawn;
    const watch = new ResizeObserver(() => drawn.setSize({ width: box.clientWidth, height }));
    watch.observe(box);
    return () => {
      watch.disconnect();
      drawn.destroy();
      plot.current = null;
    };
  }, [theme, shownZone, tones, height]);

  return <div ref={place} className="overflow-hidden" />;
}

function stacked(times: ChartProps["times"], series: ChartProps["series"]): uPlot.AlignedData {
  const sums = times.map(() => 0);
  const layers = series.map(({ values }) => values.map((value, index) => (sums[index] = (sums[index] ?? 0) + value)));
  return [times.map((at) => Date.parse(at) / 1000), ...layers.reverse()];
}
