// What happened to a job as a line of events, the latest first.
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";

import { historyItem } from "./events";
import { Badge } from "@/components/ui/Badge";
import { Button } from "@/components/ui/Button";
import { Loaded } from "@/components/ui/Loaded";
import { Panel } from "@/components/ui/Page";
import { Time } from "@/components/ui/Time";
import { TONES } from "@/components/ui/tones";
import { jobEventsQuery } from "@/lib/api/queries";
import type { JobEvent } from "@/lib/api/types";
import { cx } from "@/lib/cx";

const SHOWN = 12;

export function History({ id }: { id: string }) {
  const events = useQuery(jobEventsQuery(id));
  return (
    <Panel title="History" aside={events.data?.total.kind === "capped" ? <Badge>the latest {events.data.items.length}</Badge> : null}>
      <Loaded query={events}>{({ items }) => <Timeline events={items} />}</Loaded>
    </Panel>
  );
}

function Timeline({ events }: { events: readonly JobEvent[] }) {
  const [all, setAll] = useState(false);
  const latest = events.toReversed();
  const shown = all ? latest : latest.slice(0, SHOWN);
  return (
    <>
      <ol aria-label="Events, latest first">
        {shown.map((event, index) => <TimelineItem key={events.length - index} event={event} last={index === shown.length - 1} />)}
      </ol>
      {latest.length > SHOWN ? (
        <Button kind="quiet" size="small" className="mt-1 -ml-2" aria-expanded={all} onClick={() => setAll(!all)}>{all ? "Show fewer" : `Show all ${latest.length} events`}</Button>
      ) : null}
    </>
  );
}

function TimelineItem({ event, last }: { event: JobEvent; last: boolean }) {
  const { icon: Icon, tone, words, detail } = historyItem(event);
  return (
    <li className="relative flex gap-3 pb-3 last:pb-0">
      {last ? null : <span aria-hidden className="absolute top-6 bottom-0 left-[0.71875rem] w-px bg-line" />}
      <span aria-hidden className={cx("grid size-6 shrink-0 place-items-center rounded-full [&_svg]:size-3.5", TONES[tone])}><Icon /></span>
      <div className="min-w-0 flex-1 pt-0.5">
        <p className="flex flex-wrap justify-between gap-x-3">
          <span className="font-medium">{words}</span>
          <Time at={event.at} className="text-xs leading-5 text-ink-3" />
        </p>
        {detail ? <p className="line-clamp-2 text-xs break-words text-ink-2" title={detail}>{detail}</p> : null}
        {event.actor ? <p className="text-xs break-words text-ink-2">by {event.actor}{event.reason ? <>: <q>{event.reason}</q></> : null}</p> : null}
      </div>
    </li>
  );
}
