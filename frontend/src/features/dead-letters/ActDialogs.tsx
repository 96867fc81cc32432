// The two acts that need no editor: replaying as it is, and discarding.
import { ActNote } from "./ActNote";
import { useAct } from "./api";
import type { Act } from "./commands";
import { reasonOf } from "./reasons";
import { OutcomeUnknown } from "./WhatFailed";
import { ConfirmDialog } from "@/components/ui/ConfirmDialog";
import type { DeadLetterDetail } from "@/lib/api/types";

interface ActDialogProps {
  verb: Act["verb"];
  letter: DeadLetterDetail;
  onClose: () => void;
  onDone: (act: Act) => void;
}

const WORDS = {
  replay: { title: "Replay as it is?", action: "Replay 1 job", says: "The same job runs again with the payload it had, under the same id and with fresh attempts." },
  discard: { title: "Discard this dead letter?", action: "Discard 1 dead letter", says: "Its job stays failed and will not run again. What it kept stays to be read under Discarded." },
} as const;

export function ActDialog({ verb, letter, onClose, onDone }: ActDialogProps) {
  const act = useAct(onDone);
  const { title, action, says } = WORDS[verb];
  return (
    <ConfirmDialog
      open
      onOpenChange={(open) => !open && onClose()}
      title={title}
      description={says}
      action={action}
      danger={verb === "discard"}
      pending={act.isPending}
      onConfirm={(reason) => act.mutate({ verb, jobId: letter.job_id, seenVersion: letter.version, reason })}
    >
      {verb === "replay" && reasonOf(letter.reason).unknown ? <OutcomeUnknown /> : null}
      <ActNote error={act.error} jobId={letter.job_id} onReloaded={onClose} />
    </ConfirmDialog>
  );
}
