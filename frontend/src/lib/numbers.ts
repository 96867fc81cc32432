// Counts, sizes and amounts as people read them; a number always says how exact it is.
import type { Total } from "@/lib/api/types";

const whole = new Intl.NumberFormat("en-US");

/** "1,234". */
export function formatCount(value: number): string {
  return whole.format(value);
}

/** "1,234" when exact, "10,000+" when at least so many, "≈ 1,200,000" when estimated. */
export function formatTotal({ value, kind }: Total): string {
  if (kind === "capped") return `${whole.format(value)}+`;
  return kind === "estimate" ? `≈ ${whole.format(value)}` : whole.format(value);
}

/** "1 job", "38 jobs", "10,000+ jobs". */
export function countOf(total: Total | number, one: string, many = `${one}s`): string {
  const counted: Total = typeof total === "number" ? { value: total, kind: "exact" } : total;
  return `${formatTotal(counted)} ${counted.value === 1 && counted.kind === "exact" ? one : many}`;
}

/** "512 B", "1.5 kB", "3.2 MB"; powers of 1024. */
export function formatBytes(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  const [size, unit] = bytes < 1024 ** 2 ? [bytes / 1024, "kB"] : [bytes / 1024 ** 2, "MB"];
  return `${size < 10 ? size.toFixed(1) : Math.round(size)} ${unit}`;
}

/** A decimal amount with its digits untouched and thousands set apart: "77954.70" -> "77,954.70". */
export function formatAmount(digits: string): string {
  const [before = "", after] = digits.split(".");
  const grouped = before.replace(/\B(?=(\d{3})+(?!\d))/g, ",");
  return after === undefined ? grouped : `${grouped}.${after}`;
}
