// What is in doubt, what one can look up, and the way to settle it.
import { Gavel } from "lucide-react";
import { useState } from "react";

import { EffectKey } from "./EffectsPanel";
import { SettleDialog } from "./SettleDialog";
import { openEffects } from "./settling";
import { Button } from "@/components/ui/Button";
import { Time } from "@/components/ui/Time";
import type { JobDetail } from "@/lib/api/types";

/** Nothing for a job that is not in doubt; a dialog that is open stays, whatever becomes of the job meanwhile. */
export function Doubt({ job }: { job: JobDetail }) {
  const [seen, setSeen] = useState<JobDetail | null>(null);
  return (
    <>
      {job.in_doubt ? <Question job={job} doubt={job.in_doubt} onSettle={() => setSeen(job)} /> : null}
      {seen ? <SettleDialog job={seen} onClose={() => setSeen(null)} /> : null}
    </>
  );
}

/** Whether a reason says only what stands above it already. */
function saysNoMore(reason: string): boolean {
  return reason.startsWith("effect ") && reason.endsWith("it may or may not have happened");
}

function Question({ job, doubt, onSettle }: { job: JobDetail; doubt: NonNullable<JobDetail["in_doubt"]>; onSettle: () => void }) {
  return (
    <div className="space-y-2">
      {openEffects(job).map((effect) => (
        <div key={effect.ordinal} className="flex flex-wrap items-center gap-x-2">
          <span className="text-ink-3">Key of {effect.name}</span>
          <EffectKey effect={effect} />
        </div>
      ))}
      <p className="break-words text-ink-3">
        Set aside <Time at={doubt.since} />{doubt.reason && !saysNoMore(doubt.reason) ? <>: {doubt.reason}</> : null}.
        {doubt.cancel_requested ? " It had been asked to stop before." : ""}
      </p>
      <div className="flex flex-wrap items-center gap-x-3 gap-y-1">
        <Button kind="primary" icon={<Gavel aria-hidden />} onClick={onSettle}>Settle</Button>
        <span className="text-ink-3">Say whether it happened; the job goes on from there.</span>
      </div>
    </div>
  );
}
