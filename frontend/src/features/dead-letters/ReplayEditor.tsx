// Edit and replay: the payload as text, what is wrong with it, what changed, why, and the button that sends it.
import { Link } from "@tanstack/react-router";
import { RotateCcw } from "lucide-react";
import { useDeferredValue, useEffect, useMemo, useRef, useState } from "react";

import { ActNote } from "./ActNote";
import { useAct } from "./api";
import { diffOf, readEdit, sayChanges } from "./changes";
import { type Act, cliOf, curlOf } from "./commands";
import { DiffView } from "./DiffView";
import { QuickChanges } from "./Given";
import { LeaveGuard } from "./LeaveGuard";
import { reasonOf } from "./reasons";
import type { Toggle } from "./toggles";
import { OutcomeUnknown } from "./WhatFailed";
import { Button } from "@/components/ui/Button";
import { CodeEditor } from "@/components/ui/CodeEditor";
import { CopyButton } from "@/components/ui/CopyButton";
import { TextArea } from "@/components/ui/Field";
import { Panel } from "@/components/ui/Page";
import { ApiError } from "@/lib/api/errors";
import type { DeadLetterDetail, FieldProblem } from "@/lib/api/types";
import { stringifyJson } from "@/lib/json";
import { useHoldLive } from "@/lib/live/live";

const NO_PROBLEMS: readonly FieldProblem[] = [];

interface ReplayEditorProps {
  /** The dead letter as it was when the editor opened; its version goes with the act. */
  letter: DeadLetterDetail;
  /** The payload to begin with: the letter's own, or one with a quick change made. */
  begin: unknown;
  toggles: readonly Toggle[];
  commandsFor: { origin: string; secured: boolean };
  onClose: () => void;
  onReplayed: (act: Act) => void;
}

export function ReplayEditor({ letter, begin, toggles, commandsFor, onClose, onReplayed }: ReplayEditorProps) {
  const [text, setText] = useState(() => stringifyJson(begin, 2));
  const [edition, setEdition] = useState(0);
  const [typedReason, setReason] = useState<string | null>(null);
  const act = useAct(onReplayed);
  const form = useRef<HTMLFormElement>(null);
  const note = useRef<HTMLDivElement>(null);
  useHoldLive(true);
  // What opened the editor may be gone with the panel it stood in: the focus goes on here, and on a phone the eye too.
  useEffect(() => form.current?.focus(), []);
  // A refusal stands above the text it is about; the button that asked for it may be far below.
  const refused = act.error !== null;
  useEffect(() => {
    if (refused) note.current?.scrollIntoView({ block: "nearest" });
  }, [refused]);
  const edit = useMemo(() => readEdit(text, letter.payload), [text, letter.payload]);
  const changes = edit.problem ? "" : sayChanges(letter.payload, edit.value);
  // A change speaks for itself until the person says why in their own words.
  const reason = typedReason ?? (changes ? `Changed ${changes}` : "");
  const problems = useProblems(act.error);
  const replace = (payload: unknown) => {
    setText(stringifyJson(payload, 2));
    setEdition((count) => count + 1);
    act.reset();
  };
  const wish: Act = { verb: "replay", jobId: letter.job_id, seenVersion: letter.version, reason: reason.trim(), ...(edit.changed ? { edited: { payload: edit.value } } : {}) };
  const missing = edit.problem ? `This is not JSON yet: ${edit.problem}` : reason.trim() ? null : "Say why first: the reason is kept in the audit log.";
  const submit = () => {
    if (!missing && !act.isPending) act.mutate(wish);
  };
  return (
    <Panel title="Edit & replay" aside={<Link to="/tasks" search={{ task: letter.task }} target="_blank" className="hover:text-ink hover:underline">What {letter.task} takes</Link>}>
      <form
        ref={form}
        tabIndex={-1}
        aria-label="Edit and replay"
        className="scroll-mt-28 space-y-4 outline-none"
        onSubmit={(event) => {
          event.preventDefault();
          submit();
        }}
      >
        <LeaveGuard unsaved={edit.changed && !act.isSuccess} />
        <div ref={note} className="scroll-mt-28 empty:hidden"><ActNote error={act.error} jobId={letter.job_id} onReloaded={onClose} losesEdit={edit.changed} /></div>
        <QuickChanges payload={edit.value} toggles={toggles} onChange={replace} disabledReason={edit.problem ? "Mend the JSON below first." : null} />
        <div className="space-y-1">
          <CodeEditor
            label="Payload as JSON"
            value={text}
            edition={edition}
            problems={problems}
            onChange={(next) => {
              setText(next);
              if (act.error) act.reset();
            }}
          />
          <p className="text-xs text-ink-3">Tab indents; Escape, then Tab, leaves the editor.</p>
        </div>
        <Changed payload={letter.payload} edited={edit.value} state={edit.problem ? "broken" : edit.changed ? "changed" : "same"} onUndo={() => replace(letter.payload)} />
        {reasonOf(letter.reason).unknown ? <OutcomeUnknown /> : null}
        <TextArea label="Reason" hint="Kept in the audit log with the replay." value={reason} onChange={(event) => setReason(event.target.value)} maxLength={1000} rows={2} required />
        <div className="sticky bottom-[calc(3.5rem+env(safe-area-inset-bottom))] z-10 -mx-4 -mb-4 flex flex-wrap items-center justify-end gap-2 border-t bg-surface px-4 py-3 md:bottom-0">
          <span className="mr-auto flex gap-1">
            <CopyButton text={curlOf(wish, commandsFor.origin, commandsFor.secured)} label="Copy this replay as curl">curl</CopyButton>
            <CopyButton text={cliOf(wish)} label="Copy this replay as CLI command">CLI</CopyButton>
          </span>
          <Button kind="quiet" onClick={onClose}>Keep as it is</Button>
          <Button type="submit" kind="primary" icon={<RotateCcw aria-hidden />} loading={act.isPending} disabledReason={missing}>
            {edit.changed && !edit.problem ? "Replay 1 job with edited payload" : "Replay 1 job"}
          </Button>
        </div>
      </form>
    </Panel>
  );
}

/** The server's problems with the payload, their places counted from its root. */
function useProblems(error: unknown): readonly FieldProblem[] {
  return useMemo(() => {
    if (!(error instanceof ApiError)) return NO_PROBLEMS;
    return error.problems.filter(({ at }) => at === "payload" || at.startsWith("payload.")).map(({ at, message }) => ({ at: at.slice("payload.".length), message }));
  }, [error]);
}

function Changed({ payload, edited, state, onUndo }: { payload: unknown; edited: unknown; state: "broken" | "same" | "changed"; onUndo: () => void }) {
  const shown = useDeferredValue(edited);
  const lines = useMemo(() => (state === "changed" && shown !== undefined ? diffOf(payload, shown) : []), [payload, shown, state]);
  return (
    <section aria-label="What changes" className="space-y-1.5">
      <h3 className="flex items-center justify-between gap-2 text-xs font-medium text-ink-2">
        What changes
        {state === "same" ? null : <Button kind="quiet" size="small" onClick={onUndo}>Undo all changes</Button>}
      </h3>
      {state === "changed" ? <DiffView lines={lines} /> : null}
      <p role="status" className={state === "changed" ? "sr-only" : "text-ink-3"}>
        {state === "broken" ? "Not JSON yet; what changes shows once it is." : state === "same" ? "Nothing: it runs again with the payload it had." : "The payload is changed."}
      </p>
    </section>
  );
}
