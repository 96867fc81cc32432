// One of a few: each choice with a line on what follows from it, and a tick for what is said besides.
import { type ReactNode, useId } from "react";

import { cx } from "@/lib/cx";

export interface ChoiceOption<T extends string> {
  value: T;
  label: string;
  /** What follows from it, in one sentence. */
  says: ReactNode;
}

interface ChoiceProps<T extends string> {
  label: string;
  options: readonly ChoiceOption<T>[];
  /** Null while nothing is chosen. */
  value: T | null;
  onChange: (value: T) => void;
}

/** Radio buttons with an explanation each; the arrow keys walk them. */
export function Choice<T extends string>({ label, options, value, onChange }: ChoiceProps<T>) {
  const name = useId();
  return (
    <fieldset className="space-y-1.5">
      <legend className="pb-1 text-xs font-medium text-ink-2">{label}</legend>
      {options.map((option) => {
        const id = `${name}-${option.value}`;
        return (
          <label key={option.value} htmlFor={id} className={cx("flex cursor-pointer gap-2.5 rounded-lg border px-3 py-2 hover:bg-hover", option.value === value ? "border-accent bg-accent-soft hover:bg-accent-soft" : "border-line-strong")}>
            <input id={id} type="radio" name={name} checked={option.value === value} onChange={() => onChange(option.value)} aria-labelledby={`${id}-label`} aria-describedby={`${id}-says`} className="mt-0.5 size-4 shrink-0 accent-accent" />
            <span className="min-w-0">
              <span id={`${id}-label`} className="block font-medium">{option.label}</span>
              <span id={`${id}-says`} className="block text-ink-2">{option.says}</span>
            </span>
          </label>
        );
      })}
    </fieldset>
  );
}

interface TickProps {
  label: string;
  hint?: ReactNode;
  checked: boolean;
  onChange: (checked: boolean) => void;
  /** Shown as it is, and not to be changed; the hint says why. */
  fixed?: boolean;
}

/** A checkbox with its label beside it and a hint below. */
export function Tick({ label, hint, checked, onChange, fixed }: TickProps) {
  const id = useId();
  return (
    <div className="flex gap-2.5">
      <input id={id} type="checkbox" checked={checked} disabled={fixed} onChange={(event) => onChange(event.target.checked)} aria-describedby={hint ? `${id}-hint` : undefined} className="mt-0.5 size-4 shrink-0 accent-accent" />
      <div className="min-w-0">
        <label htmlFor={id} className="block font-medium">{label}</label>
        {hint ? <p id={`${id}-hint`} className="text-xs text-ink-3">{hint}</p> : null}
      </div>
    </div>
  );
}
