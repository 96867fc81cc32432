// The filters of the job list; each writes one parameter of the URL, and Back takes it away again.
import { useQuery } from "@tanstack/react-query";

import { fieldOf, filtered, isFiltered, momentOf } from "./filters";
import type { JobsSearch, Span } from "./search";
import { TextField } from "@/components/ui/Field";
import { FilterBar, SelectFilter, TextFilter } from "@/components/ui/Filters";
import { stateLook } from "@/components/ui/state-looks";
import { queuesQuery, tasksQuery } from "@/lib/api/queries";
import { STATES } from "@/lib/api/types";
import { zone } from "@/lib/preferences";
import { useStore } from "@/lib/store";

const DAY = 86_400_000;
const EXACT = "exact";

const SPAN_WORDS: Record<Span, string> = { "1h": "Last hour", "24h": "Last 24 hours", "7d": "Last 7 days" };
const STATE_OPTIONS = STATES.map((state) => ({ value: state, label: stateLook(state).word }));
const TIME_OPTIONS = [...Object.entries(SPAN_WORDS).map(([value, label]) => ({ value, label })), { value: EXACT, label: "After a moment…" }];

interface JobFiltersProps {
  search: JobsSearch;
  onChange: (search: JobsSearch) => void;
}

export function JobFilters({ search, onChange }: JobFiltersProps) {
  const tasks = useQuery(tasksQuery);
  const queues = useQuery(queuesQuery);
  const set = (change: Partial<JobsSearch>) => onChange(filtered(search, change));
  return (
    <FilterBar onClear={isFiltered(search) ? () => onChange({}) : null}>
      <SelectFilter label="State" any="Any state" value={search.state} options={STATE_OPTIONS} onChange={(state) => set({ state: STATES.find((each) => each === state) })} />
      <SelectFilter label="Task" any="Any task" value={search.task} options={namesOf(tasks.data?.items)} onChange={(task) => set({ task })} />
      <SelectFilter label="Queue" any="Any queue" value={search.queue} options={namesOf(queues.data?.items)} onChange={(queue) => set({ queue })} />
      <TimeFilter search={search} onChange={set} />
      <TextFilter label="Tag" placeholder="Tag" value={search.tag} onChange={(tag) => set({ tag })} />
    </FilterBar>
  );
}

function TimeFilter({ search, onChange }: { search: JobsSearch; onChange: (change: Partial<JobsSearch>) => void }) {
  const shown = useStore(zone);
  const { created_after: moment } = search;
  const choose = (value: string | undefined) => {
    if (value === EXACT) onChange({ since: undefined, created_after: minuteOf(Date.now() - DAY) });
    else onChange({ since: value as Span | undefined, created_after: undefined });
  };
  return (
    <>
      <SelectFilter label="Created" any="Any time" value={moment ? EXACT : search.since} options={TIME_OPTIONS} onChange={choose} />
      {moment ? (
        <TextField
          // A new moment from elsewhere (Back, the zone) is a new field; typing must not be pulled away.
          key={`${shown} ${moment}`}
          type="datetime-local"
          quiet
          label={`Created after, ${shown === "utc" ? "UTC" : "local time"}`}
          title={shown === "utc" ? "In UTC" : "In local time"}
          defaultValue={fieldOf(moment, shown)}
          onBlur={(event) => {
            const next = momentOf(event.target.value, shown);
            if (next && next !== moment && event.target.value !== fieldOf(moment, shown)) onChange({ created_after: next });
          }}
          onKeyDown={(event) => event.key === "Enter" && event.currentTarget.blur()}
        />
      ) : null}
    </>
  );
}

function namesOf(items: readonly { name: string }[] | undefined) {
  return (items ?? []).map(({ name }) => ({ value: name, label: name }));
}

function minuteOf(milliseconds: number): string {
  return `${new Date(milliseconds).toISOString().slice(0, 16)}:00Z`;
}
