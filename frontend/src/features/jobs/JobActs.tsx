// What one can do about a job: start it early, cancel it.
import { Ban, Zap } from "lucide-react";
import { useState } from "react";

import { type Act, useActOnJob } from "./api";
import { whyNotCancel, whyNotRunNow } from "./story";
import { Button } from "@/components/ui/Button";
import { ConfirmDialog } from "@/components/ui/ConfirmDialog";
import type { JobDetail } from "@/lib/api/types";

export function JobActs({ job, stopping }: { job: JobDetail; stopping: boolean }) {
  const [act, setAct] = useState<Act | null>(null);
  const close = () => setAct(null);
  return (
    <>
      <Button icon={<Zap aria-hidden />} disabledReason={whyNotRunNow(job)} onClick={() => setAct("run-now")}>Run now</Button>
      <Button icon={<Ban aria-hidden />} disabledReason={whyNotCancel(job, stopping)} onClick={() => setAct("cancel")}>Cancel</Button>
      {act === "cancel" ? <CancelDialog job={job} onClose={close} /> : null}
      {act === "run-now" ? <RunNowDialog job={job} onClose={close} /> : null}
    </>
  );
}

function CancelDialog({ job, onClose }: { job: JobDetail; onClose: () => void }) {
  const cancel = useActOnJob("cancel", job, onClose);
  return (
    <ConfirmDialog
      open
      onOpenChange={(open) => !open && onClose()}
      title={`Cancel this ${job.task} job?`}
      description={
        job.state === "RUNNING"
          ? "It runs now: its executor is asked to stop the handler, and the job ends Cancelled. What the handler did outside the database until then stays done."
          : job.state === "IN_DOUBT"
            ? "It ends Cancelled at once, and nothing more of it happens. Whether its effects happened stays unknown: nobody is asked any more."
            : "It does not run yet: it ends Cancelled at once, and nothing more of it happens."
      }
      action="Cancel 1 job"
      danger
      reason="required"
      pending={cancel.isPending}
      error={cancel.error}
      onConfirm={cancel.mutate}
    >
      <p className="text-ink-2">A cancelled job stays cancelled; to have it done after all, submit a new one.</p>
    </ConfirmDialog>
  );
}

function RunNowDialog({ job, onClose }: { job: JobDetail; onClose: () => void }) {
  const run = useActOnJob("run-now", job, onClose);
  return (
    <ConfirmDialog
      open
      onOpenChange={(open) => !open && onClose()}
      title={`Run this ${job.task} job now?`}
      description={job.retry_count ? "It does not wait for its next try any longer; how often it may still fail stays the same." : "It does not wait for its time any longer."}
      action="Run 1 job now"
      reason="optional"
      pending={run.isPending}
      error={run.error}
      onConfirm={run.mutate}
    />
  );
}
