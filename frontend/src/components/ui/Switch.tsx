// A switch: on or off, at once.
import { Switch as Radix } from "radix-ui";
import { type ReactNode, useId } from "react";

interface SwitchProps {
  label: ReactNode;
  hint?: ReactNode;
  checked: boolean;
  onChange: (checked: boolean) => void;
  /** Why it cannot be switched now; null when it can. */
  disabledReason?: string | null;
}

/** A switch with its label beside it and a hint below. */
export function Switch({ label, hint, checked, onChange, disabledReason }: SwitchProps) {
  const id = useId();
  const note = disabledReason ?? hint;
  return (
    <div className="flex items-start gap-3">
      <Radix.Root
        id={id}
        type="button"
        checked={checked}
        onCheckedChange={(next) => disabledReason || onChange(next)}
        aria-disabled={disabledReason ? true : undefined}
        aria-describedby={note ? `${id}-note` : undefined}
        className="relative mt-px h-5 w-9 shrink-0 rounded-full bg-ink-3 transition-colors aria-disabled:cursor-not-allowed aria-disabled:opacity-55 data-[state=checked]:bg-accent"
      >
        <Radix.Thumb className="block size-4 translate-x-0.5 rounded-full bg-surface transition-transform data-[state=checked]:translate-x-4.5" />
      </Radix.Root>
      <span className="min-w-0">
        <label htmlFor={id} className="cursor-pointer font-medium">{label}</label>
        {note ? <span id={`${id}-note`} className="block text-xs text-ink-3">{note}</span> : null}
      </span>
    </div>
  );
}
