// A moment: relative in the text, exact to the second on hover, focus and for screen readers.
import { useClock } from "@/lib/clock";
import { zone } from "@/lib/preferences";
import { useStore } from "@/lib/store";
import { formatAbsolute, formatDuration, formatRelative } from "@/lib/time";
import { Tooltip } from "@/components/ui/Tooltip";

interface TimeProps {
  at: string | null | undefined;
  /** Show the exact moment as text instead of the age. */
  absolute?: boolean;
  className?: string;
}

/** A moment in the zone the person chose; "–" when there is none. */
export function Time({ at, absolute, className }: TimeProps) {
  const chosen = useStore(zone);
  const age = useClock((now) => (at ? formatRelative(Date.parse(at), now) : ""));
  if (!at) return <span className="text-ink-3">–</span>;
  const exact = formatAbsolute(at, chosen);
  if (absolute) return <time dateTime={at} title={age} className={className}>{exact}</time>;
  return (
    <Tooltip text={exact}>
      <time dateTime={at} tabIndex={0} aria-label={`${age}, ${exact}`} className={className}>{age}</time>
    </Tooltip>
  );
}

/** How long something has lasted since `since`, counting up. */
export function Age({ since, className }: { since: string; className?: string }) {
  const length = useClock((now) => formatDuration(Math.max(0, now - Date.parse(since))));
  return <span className={className}>{length}</span>;
}
