// Settling a job in doubt: the keys to look up, what was found there, and why one knows.
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { RefreshCw, Users } from "lucide-react";
import { useState } from "react";

import { refreshJob, useSettle } from "./api";
import { EffectKey } from "./EffectsPanel";
import { choicesOf, type Draft, mustComplete, NOTHING_SAID, openEffects, resultProblem, settleOf, whyNotSettle } from "./settling";
import { Button } from "@/components/ui/Button";
import { Choice, Tick } from "@/components/ui/Choice";
import { ConfirmDialog } from "@/components/ui/ConfirmDialog";
import { TextArea } from "@/components/ui/Field";
import { StateBadge } from "@/components/ui/StateBadge";
import { Time } from "@/components/ui/Time";
import { ApiError } from "@/lib/api/errors";
import { readEvents, readJob } from "@/lib/api/queries";
import type { JobDetail } from "@/lib/api/types";
import { countOf } from "@/lib/numbers";

/** `job` is the job as it was when the dialog opened: its version goes with what is said. */
export function SettleDialog({ job, onClose }: { job: JobDetail; onClose: () => void }) {
  const [draft, setDraft] = useState<Draft>(NOTHING_SAID);
  const settle = useSettle(job, onClose);
  const say = (change: Partial<Draft>) => {
    setDraft({ ...draft, ...change });
    if (settle.error) settle.reset();
  };
  const faster = settle.error instanceof ApiError && settle.error.status === 409 ? settle.error : null;
  return (
    <ConfirmDialog
      open
      wide
      onOpenChange={(open) => !open && onClose()}
      title={`Settle this ${job.task} job`}
      description={openEffects(job).length ? "Look where it happens, by the key that was sent there. Then say what you found." : "Look where its effects happen. Then say what you found."}
      action="Settle 1 job"
      danger={draft.outcome === "failed"}
      disabledReason={faster ? "Someone settled it already." : whyNotSettle(draft)}
      pending={settle.isPending}
      error={faster ? null : settle.error}
      onConfirm={(reason) => settle.mutate(settleOf(job, draft, reason))}
    >
      {faster ? <SomeoneWasFaster error={faster} jobId={job.id} onReloaded={onClose} /> : null}
      <LookUp job={job} />
      <Choice label="What did you find?" options={choicesOf(job)} value={draft.outcome} onChange={(outcome) => say({ outcome })} />
      {draft.outcome === "happened" ? <Happened job={job} draft={draft} onChange={say} /> : null}
    </ConfirmDialog>
  );
}

function LookUp({ job }: { job: JobDetail }) {
  const open = openEffects(job);
  if (!open.length) return null;
  return (
    <ul aria-label="To look up" className="divide-y divide-line rounded-lg border bg-sunken">
      {open.map((effect) => (
        <li key={effect.ordinal} className="px-3 py-2">
          <p className="break-words"><span className="font-medium">{effect.name}</span> <span className="text-ink-3">tried {countOf(effect.tries, "time")}, last <Time at={effect.opened_at} /></span></p>
          <EffectKey effect={effect} />
        </li>
      ))}
    </ul>
  );
}

function Happened({ job, draft, onChange }: { job: JobDetail; draft: Draft; onChange: (change: Partial<Draft>) => void }) {
  const only = mustComplete(job);
  const complete = draft.complete || only;
  return (
    <>
      <TextArea
        label="Result as JSON"
        hint={complete ? "What the job shall have as its result. Empty stands for none." : "What the receiver answered: the handler gets it as if it had called just now. Empty stands for null."}
        problem={resultProblem(draft)}
        value={draft.result}
        onChange={(event) => onChange({ result: event.target.value })}
        rows={3}
        spellCheck={false}
        className="mono text-xs"
      />
      <Tick
        label="Complete the job"
        hint={only ? "Nothing is open in its ledger that could be recorded as done." : "It ends succeeded with this result; its handler does not run on."}
        checked={complete}
        fixed={only}
        onChange={(checked) => onChange({ complete: checked })}
      />
    </>
  );
}

/** A refusal by 409: where the job is now, who settled it, and a way to see it. */
function SomeoneWasFaster({ error, jobId, onReloaded }: { error: ApiError; jobId: string; onReloaded: () => void }) {
  const client = useQueryClient();
  const now = useQuery({
    queryKey: ["job-now", jobId, error.requestId],
    queryFn: async ({ signal }) => {
      const [job, events] = await Promise.all([readJob(jobId, signal), readEvents(jobId, signal)]);
      return { job, act: events.items.findLast(({ kind }) => kind === "settled") };
    },
    staleTime: Infinity,
  });
  const act = now.data?.act;
  return (
    <div role="alert" className="space-y-2 rounded-md bg-amber-soft px-3 py-2.5 text-amber">
      <p className="flex gap-2 font-medium"><Users className="mt-0.5 size-4 shrink-0" aria-hidden />Someone was faster: nothing of this was recorded.</p>
      {now.data ? (
        <p className="break-words text-ink-2">
          The job is <StateBadge state={now.data.job.state} /> now
          {act ? <>, settled by {act.actor}, <Time at={act.at} />{act.reason ? `: ${act.reason}` : ""}</> : null}.
        </p>
      ) : (
        <p className="text-ink-2">{error.message}</p>
      )}
      <Button size="small" icon={<RefreshCw aria-hidden />} onClick={() => void refreshJob(client).then(onReloaded)}>Reload what it is now</Button>
    </div>
  );
}
