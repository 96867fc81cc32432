// The search box: any id, the end of an id, an idempotency key, a queue or a task leads to its page.
import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { Command } from "cmdk";
import { Search } from "lucide-react";
import { useDeferredValue, useEffect, useRef, useState } from "react";

import { StateBadge } from "@/components/ui/StateBadge";
import { messageOf } from "@/lib/api/errors";
import { lookupQuery } from "@/lib/api/queries";
import type { Found } from "@/lib/api/types";
import { isTyping } from "@/lib/shortcuts";

const SHORTEST = 3;
const PAUSE_MILLISECONDS = 180;

const KINDS: Record<Found["kind"], string> = {
  job: "Job",
  run: "Run",
  dead_letter: "Dead letter",
  queue: "Queue",
  task: "Task",
  workflow: "Workflow",
  worker: "Worker",
};

export function LookupBox() {
  const input = useRef<HTMLInputElement>(null);
  const [text, setText] = useState("");
  const [open, setOpen] = useState(false);
  const asked = useSettled(useDeferredValue(text.trim()));
  const found = useQuery({ ...lookupQuery(asked), enabled: asked.length >= SHORTEST });
  const go = useOpenFound();
  useFocusKey(input);
  const shown = open && text.trim().length >= SHORTEST;
  const note = found.error ? messageOf(found.error) : found.isPending || asked !== text.trim() ? "Searching" : "Nothing has this id or name. Jobs are found by id, its last 8 characters, or idempotency key.";
  return (
    <Command
      label="Find"
      shouldFilter={false}
      className="relative w-full max-w-80 min-w-0"
      onKeyDown={(event) => {
        if (event.key !== "Escape") return;
        setOpen(false);
        input.current?.blur();
      }}
      onBlur={(event) => !event.currentTarget.contains(event.relatedTarget) && setOpen(false)}
    >
      <Search className="pointer-events-none absolute top-2 left-2 size-4 text-ink-3" aria-hidden />
      <Command.Input
        ref={input}
        value={text}
        onValueChange={(next) => {
          setText(next);
          setOpen(true);
        }}
        onFocus={() => setOpen(true)}
        aria-label="Find a job, queue or task"
        aria-expanded={shown}
        placeholder="Find by id, key or name"
        autoComplete="off"
        spellCheck={false}
        className="h-8 w-full rounded-md border bg-surface pr-8 pl-8 text-sm placeholder:text-ink-3 hover:border-line-strong"
      />
      <kbd className="pointer-events-none absolute top-1.5 right-1.5 hidden h-5 w-5 place-items-center rounded border bg-sunken font-sans text-xs text-ink-3 sm:grid" aria-hidden>/</kbd>
      <Command.List hidden={!shown} label="Found" className="absolute top-10 left-0 z-40 max-h-96 w-[min(30rem,calc(100vw-1.5rem))] overflow-y-auto rounded-lg border border-line-strong bg-surface p-1 shadow-float">
        <Command.Empty className="px-3 py-3 text-ink-2">{note}</Command.Empty>
        {found.data && asked === text.trim()
          ? found.data.items.map((each) => (
              <Command.Item
                key={`${each.kind} ${each.id}`}
                value={`${each.kind} ${each.id}`}
                onSelect={() => {
                  setOpen(false);
                  setText("");
                  input.current?.blur();
                  go(each);
                }}
                className="flex h-9 cursor-pointer items-center gap-3 rounded-md px-3 data-[selected=true]:bg-hover"
              >
                <span className="w-20 shrink-0 text-xs text-ink-3">{KINDS[each.kind]}</span>
                <span className="min-w-0 flex-1 truncate">{each.label}</span>
                {each.state ? <StateBadge state={each.state} /> : null}
              </Command.Item>
            ))
          : null}
      </Command.List>
    </Command>
  );
}

function useOpenFound(): (found: Found) => void {
  const navigate = useNavigate();
  return ({ kind, id }) => {
    if (kind === "job") void navigate({ to: "/jobs/$jobId", params: { jobId: id } });
    else if (kind === "dead_letter") void navigate({ to: "/dead-letters/$jobId", params: { jobId: id } });
    else if (kind === "queue") void navigate({ to: "/jobs", search: { queue: id } });
    else if (kind === "task") void navigate({ to: "/tasks", search: { task: id } });
    else if (kind === "worker") void navigate({ to: "/workers" });
    else void navigate({ to: "/jobs" });
  };
}

/** The value once it has stood still for a moment. */
function useSettled(value: string): string {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), PAUSE_MILLISECONDS);
    return () => clearTimeout(timer);
  }, [value]);
  return settled;
}

/** Let "/" and Ctrl+K or ⌘K bring the cursor here. */
function useFocusKey(input: React.RefObject<HTMLInputElement | null>): void {
  useEffect(() => {
    const listen = (event: KeyboardEvent) => {
      const chord = event.key === "k" && (event.metaKey || event.ctrlKey);
      if (!chord && (event.key !== "/" || isTyping(event))) return;
      event.preventDefault();
      input.current?.focus();
      input.current?.select();
    };
    document.addEventListener("keydown", listen);
    return () => document.removeEventListener("keydown", listen);
  }, [input]);
}
