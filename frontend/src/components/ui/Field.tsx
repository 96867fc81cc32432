// Form fields: a label above, the control, a hint or what is wrong below.
import { ChevronDown } from "lucide-react";
import { type ComponentProps, type ReactNode, useId } from "react";

import { cx } from "@/lib/cx";

const CONTROL =
  "w-full rounded-md border border-line-strong bg-surface px-2.5 text-sm text-ink placeholder:text-ink-3 hover:border-ink-3 aria-invalid:border-red disabled:opacity-60";

interface Frame {
  label: string;
  hint?: ReactNode;
  problem?: string | null;
  /** Keep the label for screen readers only, where the place says it to everyone else. */
  quiet?: boolean;
}

function Framed({ id, label, hint, problem, quiet, children }: Frame & { id: string; children: ReactNode }) {
  return (
    <div className="space-y-1">
      <label htmlFor={id} className={quiet ? "sr-only" : "block text-xs font-medium text-ink-2"}>{label}</label>
      {children}
      {problem ? <p id={`${id}-note`} className="text-xs text-red">{problem}</p> : hint ? <p id={`${id}-note`} className="text-xs text-ink-3">{hint}</p> : null}
    </div>
  );
}

const noteOf = (id: string, { hint, problem }: Frame) => (hint || problem ? `${id}-note` : undefined);

/** A one-line field. */
export function TextField({ label, hint, problem, quiet, className, ...rest }: Frame & ComponentProps<"input">) {
  const id = useId();
  const frame = { label, hint, problem, quiet };
  return (
    <Framed id={id} {...frame}>
      <input id={id} type="text" aria-invalid={problem ? true : undefined} aria-describedby={noteOf(id, frame)} className={cx(CONTROL, "h-8", className)} {...rest} />
    </Framed>
  );
}

/** A field of several lines. */
export function TextArea({ label, hint, problem, quiet, className, ...rest }: Frame & ComponentProps<"textarea">) {
  const id = useId();
  const frame = { label, hint, problem, quiet };
  return (
    <Framed id={id} {...frame}>
      <textarea id={id} aria-invalid={problem ? true : undefined} aria-describedby={noteOf(id, frame)} className={cx(CONTROL, "resize-y py-1.5", className)} {...rest} />
    </Framed>
  );
}

export interface Option {
  value: string;
  label: string;
}

/** A choice among a few words; the browser's own list, so it works with every keyboard and on every phone. */
export function Select({ label, hint, problem, quiet, options, className, ...rest }: Frame & { options: readonly Option[] } & ComponentProps<"select">) {
  const id = useId();
  const frame = { label, hint, problem, quiet };
  return (
    <Framed id={id} {...frame}>
      <span className="relative block">
        <select id={id} aria-describedby={noteOf(id, frame)} className={cx(CONTROL, "h-8 appearance-none pr-7", className)} {...rest}>
          {options.map(({ value, label: text }) => <option key={value} value={value}>{text}</option>)}
        </select>
        <ChevronDown aria-hidden className="pointer-events-none absolute top-2 right-2 size-4 text-ink-3" />
      </span>
    </Framed>
  );
}
