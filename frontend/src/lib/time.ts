// Times as people read them: how long ago, and the exact moment in the zone they chose.

export type Zone = "local" | "utc";

const MINUTE = 60;
const HOUR = 3600;
const DAY = 86_400;

/** "just now", "42 s ago", "in 3 min", "5 h ago", "12 d ago"; the moment and now in milliseconds. */
export function formatRelative(at: number, now: number): string {
  const seconds = Math.round((now - at) / 1000);
  const size = Math.abs(seconds);
  if (size < 2) return "just now";
  return seconds > 0 ? `${span(size)} ago` : `in ${span(size)}`;
}

/** A length of time in at most two units: "850 ms", "4.2 s", "3 min 20 s", "2 h 5 min", "3 d 4 h". */
export function formatDuration(milliseconds: number): string {
  if (milliseconds < 0) return formatDuration(0);
  if (milliseconds < 1000) return `${Math.round(milliseconds)} ms`;
  if (milliseconds < 10_000) return `${(Math.floor(milliseconds / 100) / 10).toFixed(1)} s`;
  const seconds = Math.floor(milliseconds / 1000);
  if (seconds < MINUTE) return `${seconds} s`;
  if (seconds < HOUR) return pair(seconds, MINUTE, "min", 1, "s");
  if (seconds < DAY) return pair(seconds, HOUR, "h", MINUTE, "min");
  return pair(seconds, DAY, "d", HOUR, "h");
}

/** The exact moment to the second with its zone: "2026-11-23 14:05:09 UTC" or "... GMT+1". */
export function formatAbsolute(iso: string, zone: Zone): string {
  const parts = Object.fromEntries(formatter(zone).formatToParts(new Date(iso)).map(({ type, value }) => [type, value]));
  const { year, month, day, hour, minute, second, timeZoneName } = parts;
  return `${year}-${month}-${day} ${hour}:${minute}:${second} ${zone === "utc" ? "UTC" : timeZoneName}`;
}

/** The time of day, "14:05". */
export function formatClock(iso: string, zone: Zone): string {
  return formatAbsolute(iso, zone).slice(11, 16);
}

const formatters = new Map<Zone, Intl.DateTimeFormat>();

function formatter(zone: Zone): Intl.DateTimeFormat {
  let found = formatters.get(zone);
  if (!found) {
    found = new Intl.DateTimeFormat("en-GB", {
      year: "numeric",
      month: "2-digit",
      day: "2-digit",
      hour: "2-digit",
      minute: "2-digit",
      second: "2-digit",
      hourCycle: "h23",
      timeZoneName: "short",
      timeZone: zone === "utc" ? "UTC" : undefined,
    });
    formatters.set(zone, found);
  }
  return found;
}

function span(seconds: number): string {
  if (seconds < MINUTE) return `${seconds} s`;
  if (seconds < HOUR) return `${Math.floor(seconds / MINUTE)} min`;
  if (seconds < DAY * 2) return `${Math.floor(seconds / HOUR)} h`;
  return `${Math.floor(seconds / DAY)} d`;
}

function pair(seconds: number, big: number, bigName: string, small: number, smallName: string): string {
  const rest = Math.floor((seconds % big) / small);
  return rest ? `${Math.floor(seconds / big)} ${bigName} ${rest} ${smallName}` : `${Math.floor(seconds / big)} ${bigName}`;
}
