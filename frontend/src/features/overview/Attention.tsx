// Four tiles: what waits for a person. A calm tile says that nothing does.
import { Link, type LinkProps } from "@tanstack/react-router";
import { CircleCheck, CircleHelp, Hourglass, Inbox, type LucideIcon, Pause, Unplug } from "lucide-react";
import type { ReactNode } from "react";

import type { Tone } from "@/components/ui/tones";
import { Age } from "@/components/ui/Time";
import { useClock } from "@/lib/clock";
import type { Overview } from "@/lib/api/types";
import { cx } from "@/lib/cx";
import { countOf, formatCount, formatTotal } from "@/lib/numbers";

const LATE_SECONDS = 60;

const EDGES: Partial<Record<Tone, string>> = {
  red: "border-red/45 [&_.figure]:text-red [&_svg]:text-red",
  amber: "border-amber/45 [&_.figure]:text-amber [&_svg]:text-amber",
};

export function Attention({ overview }: { overview: Overview }) {
  const { dead_letters_open: dead, workers, states, queues } = overview;
  const doubt = states.find(({ state }) => state === "IN_DOUBT") ?? { value: 0, kind: "exact" as const };
  const deadCauses = overview.failures.length;
  return (
    <section aria-label="What needs a person" className="grid grid-cols-2 gap-3 xl:grid-cols-4">
      <Tile to={{ to: "/dead-letters" }} name="Open dead letters" icon={Inbox} tone={dead.value ? "red" : null} figure={formatTotal(dead)}
        note={dead.value ? `${countOf(deadCauses, "cause")}${deadCauses === 10 ? " or more" : ""}, waiting for a decision` : "Nothing waits for a decision"} />
      <Tile to={{ to: "/jobs", search: { state: "IN_DOUBT" } }} name="In doubt" icon={CircleHelp} tone={doubt.value ? "amber" : null} figure={formatTotal(doubt)}
        note={doubt.value ? "It is not known whether their effects happened" : "Every outcome is known"} />
      <OldestWaiting queues={queues} />
      <Tile to={{ to: "/workers" }} name="Silent workers" icon={Unplug} tone={workers.silent ? "red" : workers.live ? null : "amber"} figure={formatCount(workers.silent)}
        note={workers.live || workers.silent ? `${formatCount(workers.live)} live, ${countOf(workers.executors, "executor")}, ${formatCount(workers.running)} running` : "No worker is live: start one"} />
    </section>
  );
}

function OldestWaiting({ queues }: { queues: Overview["queues"] }) {
  const waiting = queues.filter((queue) => queue.oldest_ready_at).sort((a, b) => Date.parse(a.oldest_ready_at ?? "") - Date.parse(b.oldest_ready_at ?? ""));
  const [oldest] = waiting;
  const since = oldest?.oldest_ready_at ?? null;
  const late = useClock((now) => since !== null && now - Date.parse(since) > LATE_SECONDS * 1000);
  if (!oldest || !since) {
    return <Tile to={{ to: "/queues" }} name="Oldest waiting" icon={Hourglass} tone={null} figure="0 s" note="No job waits to start" />;
  }
  return (
    <Tile to={{ to: "/jobs", search: { queue: oldest.name, state: "READY" } }} name="Oldest waiting" icon={oldest.paused ? Pause : Hourglass} tone={late ? "amber" : null}
      figure={<Age since={since} />} note={`in queue ${oldest.name}${oldest.paused ? ", which is paused" : ""}`} />
  );
}

function Tile({ to, name, icon: Icon, tone, figure, note }: { to: LinkProps; name: string; icon: LucideIcon; tone: "red" | "amber" | null; figure: ReactNode; note: string }) {
  const Shown = tone ? Icon : CircleCheck;
  return (
    <Link {...to} className={cx("block min-w-0 rounded-xl border bg-surface px-4 py-3 transition-colors hover:bg-hover", tone ? EDGES[tone] : "[&_svg]:text-green")}>
      <span className="flex items-center justify-between gap-2 text-ink-2">
        <span className="truncate">{name}</span>
        <Shown className="size-4 shrink-0" aria-hidden />
      </span>
      <span className="figure block text-[1.5rem] leading-8 font-semibold tracking-tight">{figure}</span>
      <span className="line-clamp-2 text-xs text-ink-3 md:line-clamp-1" title={note}>{note}</span>
    </Link>
  );
}
