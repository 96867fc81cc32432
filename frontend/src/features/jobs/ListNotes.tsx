// What stands in the job list instead of rows: nothing was ever submitted, nothing fits, or the question was too wide.
import { Link } from "@tanstack/react-router";
import { Hourglass, ListTodo, SearchX } from "lucide-react";

import { filtered, isFiltered, narrowing } from "./filters";
import type { JobsSearch } from "./search";
import { Button } from "@/components/ui/Button";
import { ErrorNote, ErrorState } from "@/components/ui/ErrorState";
import { EmptyState } from "@/components/ui/States";
import { ApiError } from "@/lib/api/errors";

interface NoteProps {
  search: JobsSearch;
  onChange: (search: JobsSearch) => void;
}

/** No rows: with filters, how to see more; without, how to begin. */
export function NoJobs({ search, onChange }: NoteProps) {
  if (search.cursor) return <EmptyState icon={SearchX} title="There are no older jobs" action={<Button onClick={() => onChange(filtered(search, {}))}>Show the newest</Button>} />;
  if (isFiltered(search)) {
    return (
      <EmptyState icon={SearchX} title="No job fits these filters" action={<Button onClick={() => onChange({})}>Clear filters</Button>}>
        {search.since || search.created_after ? "Only jobs created in the chosen time are shown. " : ""}Jobs that ended long ago are removed after their time.
      </EmptyState>
    );
  }
  return (
    <EmptyState icon={ListTodo} title="No job was submitted yet">
      The <Link to="/" className="text-accent underline underline-offset-2">Overview</Link> offers the first one: by a click, with curl, or from Python.
    </EmptyState>
  );
}

/** The list could not be had: a filter that is no filter, a question that asks for too much, or what else went wrong. */
export function JobsProblem({ error, search, onChange, onRetry }: NoteProps & { error: unknown; onRetry: () => void }) {
  if (error instanceof ApiError && error.problems.length) {
    return (
      <div className="space-y-3 p-4">
        <ErrorNote error={error} />
        <Button onClick={() => onChange({})}>Clear filters</Button>
      </div>
    );
  }
  if (!(error instanceof ApiError && error.isTooWide)) return <ErrorState error={error} onRetry={onRetry} />;
  const wishes = narrowing(search);
  return (
    <div role="alert">
      <EmptyState
        icon={Hourglass}
        title="This list takes too long to find"
        action={
          <span className="flex flex-wrap justify-center gap-2">
            {search.since === "1h" ? null : <Button kind="primary" onClick={() => onChange(filtered(search, { since: "1h", created_after: undefined }))}>Look at the last hour</Button>}
            <Button onClick={onRetry}>Try again</Button>
          </span>
        }
      >
        The database stopped after 5 seconds.{wishes.length ? ` Narrow it with ${listed(wishes)} above.` : " Choose a shorter time above."}
      </EmptyState>
    </div>
  );
}

function listed(words: readonly string[]): string {
  return words.length > 1 ? `${words.slice(0, -1).join(", ")} or ${words.at(-1)}` : (words[0] ?? "");
}
