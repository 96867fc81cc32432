// A few numbers as a tiny line, for the inside of a table row.
import { cx } from "@/lib/cx";

/** A line of `values`, oldest first; `label` says the same in words. */
export function Sparkline({ values, label, className }: { values: readonly number[]; label: string; className?: string }) {
  const [width, height] = [80, 20];
  const top = Math.max(1, ...values);
  const step = width / Math.max(1, values.length - 1);
  const points = values.map((value, index) => `${(index * step).toFixed(1)},${(height - 2 - (value / top) * (height - 4)).toFixed(1)}`);
  return (
    <svg role="img" aria-label={label} viewBox={`0 0 ${width} ${height}`} className={cx("h-5 w-20 text-ink-3", className)} preserveAspectRatio="none">
      <polyline points={points.join(" ")} fill="none" stroke="currentColor" strokeWidth="1.5" strokeLinejoin="round" vectorEffect="non-scaling-stroke" />
    </svg>
  );
}
