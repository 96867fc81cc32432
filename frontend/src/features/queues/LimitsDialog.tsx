// Changing how many jobs of a queue run at once.
import { useState } from "react";

import { useChangeQueue } from "./api";
import { limitOf } from "./limits";
import { ConfirmDialog } from "@/components/ui/ConfirmDialog";
import { TextField } from "@/components/ui/Field";
import type { Queue } from "@/lib/api/types";

export function LimitsDialog({ queue, onClose }: { queue: Queue; onClose: () => void }) {
  const [total, setTotal] = useState(queue.concurrency?.toString() ?? "");
  const [perKey, setPerKey] = useState(queue.concurrency_per_key.toString());
  const [tried, setTried] = useState(false);
  const change = useChangeQueue(onClose);
  const concurrency = limitOf(total, true);
  const concurrencyPerKey = limitOf(perKey, false);
  const confirm = (reason: string) => {
    setTried(true);
    if (concurrency.problem || concurrencyPerKey.problem) return;
    const limits = { concurrency: concurrency.value, concurrency_per_key: concurrencyPerKey.value ?? undefined };
    change.mutate({ queue, change: { ...limits, ...(reason ? { reason } : {}) } });
  };
  return (
    <ConfirmDialog
      open
      onOpenChange={(open) => !open && onClose()}
      title={`Limits of ${queue.name}`}
      description="They hold for the next jobs to start; jobs that run go on."
      action="Change limits of 1 queue"
      reason="optional"
      pending={change.isPending}
      error={change.error}
      onConfirm={confirm}
    >
      <TextField label="Jobs of this queue at once" hint="Empty: without limit." inputMode="numeric" value={total} onChange={(event) => setTotal(event.target.value)} problem={tried ? concurrency.problem : null} />
      <TextField label="Jobs with the same concurrency key at once" inputMode="numeric" value={perKey} onChange={(event) => setPerKey(event.target.value)} problem={tried ? concurrencyPerKey.problem : null} />
    </ConfirmDialog>
  );
}
