// The dead letters, newest job first: why each failed, and the decision about those one selects.
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { getRouteApi } from "@tanstack/react-router";
import { Archive, CircleCheck, RotateCcw, SearchX, X } from "lucide-react";
import { useState } from "react";

import { refresh } from "./api";
import { sayAct } from "./bulk";
import { BulkDialog } from "./BulkDialog";
import { CLOSED_COLUMNS, OPEN_COLUMNS } from "./columns";
import type { Act } from "./commands";
import { LetterFilters, StateLinks } from "./LetterFilters";
import { type DeadLettersSearch, isFiltered } from "./search";
import { Button, IconButton } from "@/components/ui/Button";
import { DataTable } from "@/components/ui/DataTable";
import { ErrorState } from "@/components/ui/ErrorState";
import { NewPill } from "@/components/ui/NewPill";
import { Page, Panel } from "@/components/ui/Page";
import { Pagination } from "@/components/ui/Pagination";
import { EmptyState } from "@/components/ui/States";
import { deadLettersQuery } from "@/lib/api/queries";
import type { DeadLetter } from "@/lib/api/types";
import { useHoldLive } from "@/lib/live/live";
import { formatCount } from "@/lib/numbers";
import { askedOf, compact } from "@/lib/search";
import { useSteadyList } from "@/lib/use-steady-list";

const route = getRouteApi("/dead-letters");
const NOTHING: ReadonlySet<string> = new Set();

export function DeadLettersPage() {
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const client = useQueryClient();
  const asked = askedOf(search);
  const letters = useQuery(deadLettersQuery(asked));
  const [round, setRound] = useState(0);
  // A new list: another page or filter, its first fresh answer, or the one after an act on it.
  const key = JSON.stringify([asked, letters.isPlaceholderData, letters.isFetchedAfterMount, round]);
  const list = useSteadyList(letters.data?.items ?? [], (letter) => letter.job_id, key);
  const [chosen, choose] = useChosen(JSON.stringify(asked));
  const [verb, setVerb] = useState<Act["verb"] | null>(null);
  const selected = list.rows.filter((letter) => chosen.has(letter.job_id) && !list.gone.has(letter));
  useHoldLive(chosen.size > 0);
  const go = (next: DeadLettersSearch) => void navigate({ to: ".", search: next });
  const close = (acted: boolean) => {
    setVerb(null);
    if (!acted) return;
    choose(NOTHING);
    void refresh(client).then(() => setRound((count) => count + 1));
  };
  const open = search.state === undefined;
  const arrived = search.cursor ? 0 : list.newCount;
  return (
    <Page title="Dead letters" context="Jobs that failed for good. Each waits here with its reason until someone replays or discards it.">
      <StateLinks search={search} />
      <LetterFilters search={search} onChange={go} />
      <div className="sticky top-14 z-20 !my-0 flex h-0 items-start justify-center">
        <span className="mt-2.5"><NewPill count={arrived} more={arrived > 0 && arrived === letters.data?.items.length} gone={list.gone.size} onShow={list.showNew} /></span>
      </div>
      <Panel flush label="Dead letters">
        {letters.error && !letters.data ? (
          <ErrorState error={letters.error} onRetry={() => void letters.refetch()} />
        ) : (
          <>
            <DataTable
              label="Dead letters"
              rows={letters.data ? list.rows : undefined}
              columns={open ? OPEN_COLUMNS : CLOSED_COLUMNS}
              rowId={(letter) => letter.job_id}
              stale={letters.isPlaceholderData}
              isOld={(letter) => list.gone.has(letter)}
              selection={open ? { ids: chosen, onChange: choose } : undefined}
              empty={<NoLetters search={search} onClear={() => go(compact({ state: search.state }))} />}
            />
            <Pagination search={search} nextCursor={letters.data?.next_cursor} total={letters.data?.total} noun="dead letter" onChange={(page) => go(compact({ ...search, ...page }))} />
          </>
        )}
      </Panel>
      {open && selected.length ? <SelectionBar letters={selected} onAct={setVerb} onClear={() => choose(NOTHING)} /> : null}
      {verb ? <BulkDialog verb={verb} letters={selected} onClose={close} /> : null}
    </Page>
  );
}

/** The selected ids; a selection belongs to the page of the list it was made on. */
function useChosen(place: string): [ReadonlySet<string>, (ids: ReadonlySet<string>) => void] {
  const [chosen, setChosen] = useState({ place, ids: NOTHING });
  return [chosen.place === place ? chosen.ids : NOTHING, (ids) => setChosen({ place, ids })];
}

/** Floats above the list, so that choosing a row moves none. */
function SelectionBar({ letters, onAct, onClear }: { letters: readonly DeadLetter[]; onAct: (verb: Act["verb"]) => void; onClear: () => void }) {
  return (
    <>
      <div className="h-12" aria-hidden />
      <section aria-label="Selected dead letters" className="fixed inset-x-2 bottom-16 z-30 mx-auto flex w-fit max-w-88 flex-wrap items-center justify-center md:max-w-none md:flex-nowrap gap-2 rounded-xl border border-line-strong bg-surface px-3 py-2 shadow-float md:bottom-5 md:left-56">
        <span role="status" className="px-1 text-ink-2 max-md:flex-1" title="Only the rows you chose on this page; to act on more, go on page by page."><strong className="font-semibold text-ink">{formatCount(letters.length)}</strong> selected on this page</span>
        <IconButton label="Clear the selection" icon={<X aria-hidden />} onClick={onClear} className="md:order-last" />
        <span className="flex gap-2">
          <Button kind="danger" icon={<Archive aria-hidden />} onClick={() => onAct("discard")}>{sayAct("discard", letters.length)}</Button>
          <Button kind="primary" icon={<RotateCcw aria-hidden />} onClick={() => onAct("replay")}>{sayAct("replay", letters.length)}</Button>
        </span>
      </section>
    </>
  );
}

function NoLetters({ search, onClear }: { search: DeadLettersSearch; onClear: () => void }) {
  if (isFiltered(search) || search.cursor) {
    return <EmptyState icon={SearchX} title="No dead letter fits these filters" action={<Button onClick={onClear}>Clear filters</Button>}>Others may be waiting outside of them.</EmptyState>;
  }
  if (search.state) return <EmptyState icon={CircleCheck} title={`Nothing was ${search.state} yet`}>What people decide about open dead letters is kept here, with who decided it and why.</EmptyState>;
  return <EmptyState icon={CircleCheck} title="Nothing needs a decision">A job that fails for good waits here with its error, its payload and every attempt. None waits now.</EmptyState>;
}
