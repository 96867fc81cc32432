// Confirming an act: its button says verb and number, its reason is kept in the audit log.
import { type ReactNode, useEffect, useRef, useState } from "react";

import { Button } from "@/components/ui/Button";
import { Dialog } from "@/components/ui/Dialog";
import { ErrorNote } from "@/components/ui/ErrorState";
import { TextArea } from "@/components/ui/Field";

interface ConfirmDialogProps {
  open: boolean;
  onOpenChange: (open: boolean) => void;
  title: string;
  description?: ReactNode;
  /** Verb and number, "Discard 1 dead letter". */
  action: string;
  danger?: boolean;
  /** Whether a reason is asked for, and whether it must be given. */
  reason?: "required" | "optional" | "none";
  /** Why it cannot be confirmed yet, besides a missing reason. */
  disabledReason?: string | null;
  wide?: boolean;
  onConfirm: (reason: string) => void;
  pending?: boolean;
  error?: unknown;
  children?: ReactNode;
}

/** Ask before an act; the caller closes the dialog when the act is done, and gives its `error` when it is not. */
export function ConfirmDialog(props: ConfirmDialogProps) {
  const { open, onOpenChange, title, description, action, danger, reason: wanted = "required", disabledReason, wide, onConfirm, pending, error, children } = props;
  const [reason, setReason] = useState("");
  const missing = disabledReason ?? (wanted === "required" && !reason.trim() ? "Say why first: the reason is kept in the audit log." : null);
  const said = useRef(false);
  // A second click may come before the first one's `pending` is painted; it must not act again.
  useEffect(() => {
    said.current = false;
  });
  const confirm = () => {
    if (missing || pending || said.current) return;
    said.current = true;
    onConfirm(reason.trim());
  };
  const change = (next: boolean) => {
    if (!next) setReason("");
    onOpenChange(next);
  };
  return (
    <Dialog
      open={open}
      onOpenChange={change}
      title={title}
      wide={wide}
      description={description}
      onSubmit={confirm}
      footer={
        <>
          <Button kind="quiet" onClick={() => change(false)}>Keep as it is</Button>
          <Button type="submit" kind={danger ? "danger" : "primary"} loading={pending} disabledReason={missing}>{action}</Button>
        </>
      }
    >
      {children}
      {wanted === "none" ? null : (
        <TextArea
          label={wanted === "required" ? "Reason" : "Reason (optional)"}
          hint="Kept in the audit log with your act."
          value={reason}
          onChange={(event) => setReason(event.target.value)}
          maxLength={1000}
          rows={2}
          required={wanted === "required"}
        />
      )}
      {error ? <ErrorNote error={error} /> : null}
    </Dialog>
  );
}
