// Acting on the selected dead letters: asks why, sends one request each, and tells each outcome.
import { Archive, CircleCheck, CircleDashed, CircleX, type LucideIcon, RotateCcw, Users } from "lucide-react";
import { useEffect, useRef, useState } from "react";

import { send } from "./api";
import { actOnEach, type Outcome, sayAct, sayOutcomes, type Verdict } from "./bulk";
import type { Act } from "./commands";
import { reasonOf } from "./reasons";
import { OutcomeUnknown } from "./WhatFailed";
import { Button } from "@/components/ui/Button";
import { ConfirmDialog } from "@/components/ui/ConfirmDialog";
import { Dialog } from "@/components/ui/Dialog";
import { ShortId } from "@/components/ui/ShortId";
import type { DeadLetter } from "@/lib/api/types";
import { cx } from "@/lib/cx";
import { countOf } from "@/lib/numbers";

interface BulkDialogProps {
  verb: Act["verb"];
  /** The chosen rows as they were seen; each goes with its own version. */
  letters: readonly DeadLetter[];
  /** `acted` says whether anything may have changed. */
  onClose: (acted: boolean) => void;
}

const DONE = { replay: "replayed", discard: "discarded" } as const;

export function BulkDialog({ verb, letters, onClose }: BulkDialogProps) {
  const [reason, setReason] = useState<string | null>(null);
  if (reason !== null) return <Run verb={verb} letters={letters} reason={reason} onClose={() => onClose(true)} />;
  const unknown = letters.some((letter) => reasonOf(letter.reason).unknown);
  return (
    <ConfirmDialog
      open
      onOpenChange={(open) => !open && onClose(false)}
      title={`${sayAct(verb, letters.length)}?`}
      description={
        verb === "replay"
          ? "Only the rows you selected on this page run again, each with the payload it had. Others that fit the filter are not touched."
          : "Only the rows you selected on this page are set aside. Their jobs stay failed and will not run again."
      }
      action={sayAct(verb, letters.length)}
      danger={verb === "discard"}
      onConfirm={setReason}
    >
      {verb === "replay" && unknown ? <OutcomeUnknown /> : null}
    </ConfirmDialog>
  );
}

function Run({ verb, letters, reason, onClose }: Omit<BulkDialogProps, "onClose"> & { reason: string; onClose: () => void }) {
  const { outcomes, stop, stopping } = useRun(verb, letters, reason);
  const running = outcomes.size < letters.length;
  const told = [...outcomes.values()];
  const done = told.filter(({ verdict }) => verdict === "done").length;
  const close = () => (running ? stop() : onClose());
  const Icon = verb === "replay" ? RotateCcw : Archive;
  return (
    <Dialog
      open
      onOpenChange={(open) => !open && close()}
      title={running ? (verb === "replay" ? "Replaying" : "Discarding") : done === letters.length ? "Done" : done ? "Partly done" : "Nothing was done"}
      footer={running ? <Button loading={stopping} onClick={stop}>Stop after this one</Button> : <Button kind="primary" onClick={onClose}>Back to the list</Button>}
    >
      <div className="space-y-2">
        <p role="status" data-testid="bulk-summary" className="flex items-center gap-2 font-medium"><Icon aria-hidden className="size-4 text-ink-3" />
          {running ? `${outcomes.size} of ${countOf(letters.length, verb === "replay" ? "job" : "dead letter")}` : sayOutcomes(told, DONE[verb])}
        </p>
        <div role="progressbar" aria-label="Rows done" aria-valuemin={0} aria-valuemax={letters.length} aria-valuenow={outcomes.size} className="h-1.5 overflow-hidden rounded-full bg-neutral-soft">
          <span className={cx("block h-full transition-[width]", done === told.length ? "bg-green" : "bg-amber")} style={{ width: `${(100 * outcomes.size) / letters.length}%` }} />
        </div>
      </div>
      <ol aria-label="Outcomes" tabIndex={0} className="max-h-72 divide-y divide-line overflow-y-auto rounded-lg border">
        {letters.map((letter) => <Line key={letter.job_id} letter={letter} outcome={outcomes.get(letter.job_id)} done={DONE[verb]} />)}
      </ol>
    </Dialog>
  );
}

/** Run once, from the first row to the last; going away stops it after the row under way. */
function useRun(verb: Act["verb"], letters: readonly DeadLetter[], reason: string) {
  const [outcomes, setOutcomes] = useState<ReadonlyMap<string, Outcome>>(new Map());
  const [stopping, setStopping] = useState(false);
  const stopped = useRef(false);
  const begun = useRef(false);
  const first = useRef({ verb, letters, reason });
  useEffect(() => {
    stopped.current = false;
    // Development mounts twice; a second run would send everything twice.
    if (!begun.current) {
      begun.current = true;
      const { verb: act, letters: rows, reason: why } = first.current;
      void actOnEach(
        rows,
        ({ job_id: jobId, version: seenVersion }) => send({ verb: act, jobId, seenVersion, reason: why }),
        (letter, outcome) => setOutcomes((before) => new Map(before).set(letter.job_id, outcome)),
        () => stopped.current,
      );
    }
    return () => {
      stopped.current = true;
    };
  }, []);
  const stop = () => {
    stopped.current = true;
    setStopping(true);
  };
  return { outcomes, stop, stopping };
}

const LOOKS: Record<Exclude<Verdict, "done">, { icon: LucideIcon; word: string; tone: string }> = {
  changed: { icon: Users, word: "Changed meanwhile", tone: "text-amber" },
  refused: { icon: CircleX, word: "Refused", tone: "text-red" },
  unanswered: { icon: CircleX, word: "No answer: look whether it was done", tone: "text-red" },
  untried: { icon: CircleDashed, word: "Not tried", tone: "text-ink-3" },
};

function Line({ letter, outcome, done }: { letter: DeadLetter; outcome: Outcome | undefined; done: string }) {
  const look = !outcome
    ? { icon: CircleDashed, word: "Waiting", tone: "text-ink-3" }
    : outcome.verdict === "done"
      ? { icon: CircleCheck, word: done.charAt(0).toUpperCase() + done.slice(1), tone: "text-green" }
      : LOOKS[outcome.verdict];
  return (
    <li data-outcome={outcome?.verdict ?? "waiting"} className="flex gap-2 px-3 py-1.5">
      <look.icon aria-hidden className={cx("mt-0.5 size-4 shrink-0", look.tone)} />
      <span className="min-w-0 flex-1">
        <span className="flex flex-wrap gap-x-2 sm:flex-nowrap"><span className="truncate">{letter.task}</span><span className="text-ink-3"><ShortId id={letter.job_id} /></span><span className={cx("ml-auto shrink-0", look.tone)}>{look.word}</span></span>
        {outcome?.note ? <span className="block text-xs break-words text-ink-3">{outcome.note}</span> : null}
      </span>
    </li>
  );
}
