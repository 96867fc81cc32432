// Which dead letters to list: open or decided ones, and the filters that narrow them.
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";

import { REASON_OPTIONS } from "./reasons";
import { type DeadLettersSearch, isFiltered, refiltered } from "./search";
import { FilterBar, SelectFilter, TextFilter } from "@/components/ui/Filters";
import { overviewQuery, queuesQuery, tasksQuery } from "@/lib/api/queries";
import { compact } from "@/lib/search";
import { cx } from "@/lib/cx";
import { formatTotal } from "@/lib/numbers";

const STATES = [
  { state: undefined, word: "Open" },
  { state: "replayed", word: "Replayed" },
  { state: "discarded", word: "Discarded" },
] as const;

/** Open, replayed or discarded: three addresses, so Back and a new tab work. */
export function StateLinks({ search }: { search: DeadLettersSearch }) {
  const open = useQuery(overviewQuery).data?.dead_letters_open;
  return (
    <nav aria-label="State" className="scroll-x flex gap-4 border-b border-line">
      {STATES.map(({ state, word }) => {
        const here = search.state === state;
        return (
          <Link key={word} to="/dead-letters" search={compact(refiltered(search, { state }))} aria-current={here ? "page" : undefined}
            className={cx("-mb-px inline-flex h-9 items-center gap-1.5 border-b-2 font-medium whitespace-nowrap hover:text-ink", here ? "border-accent text-ink" : "border-transparent text-ink-2")}>
            {word}
            {state === undefined && open?.value ? <span className="rounded bg-red-soft px-1.5 text-xs text-red">{formatTotal(open)}</span> : null}
          </Link>
        );
      })}
    </nav>
  );
}

export function LetterFilters({ search, onChange }: { search: DeadLettersSearch; onChange: (search: DeadLettersSearch) => void }) {
  const tasks = useQuery(tasksQuery);
  const queues = useQuery(queuesQuery);
  const set = (change: Partial<DeadLettersSearch>) => onChange(compact(refiltered(search, change)));
  return (
    <FilterBar onClear={isFiltered(search) ? () => onChange(compact({ state: search.state })) : null}>
      <SelectFilter label="Task" any="Any task" value={search.task} options={namesOf(tasks.data?.items)} onChange={(task) => set({ task })} />
      <SelectFilter label="Queue" any="Any queue" value={search.queue} options={namesOf(queues.data?.items)} onChange={(queue) => set({ queue })} />
      <SelectFilter label="Reason" any="Any reason" value={search.reason} options={REASON_OPTIONS} onChange={(reason) => set({ reason })} />
      <TextFilter label="Tag" placeholder="Tag" value={search.tag} onChange={(tag) => set({ tag })} />
    </FilterBar>
  );
}

function namesOf(items: readonly { name: string }[] | undefined) {
  return (items ?? []).map(({ name }) => ({ value: name, label: name }));
}
