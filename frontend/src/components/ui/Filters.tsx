// The bar of filters above a list; each control writes one parameter of the URL.
import { Search, X } from "lucide-react";
import { type ReactNode, useEffect, useRef, useState } from "react";

import { Button } from "@/components/ui/Button";
import { type Option, Select, TextField } from "@/components/ui/Field";

/** The bar itself; `onClear` offers to drop all filters when given. */
export function FilterBar({ children, onClear }: { children: ReactNode; onClear?: (() => void) | null }) {
  return (
    <div role="search" aria-label="Filters" className="flex flex-wrap items-end gap-2">
      {children}
      {onClear ? <Button kind="quiet" icon={<X aria-hidden />} onClick={onClear}>Clear filters</Button> : null}
    </div>
  );
}

/** A choice whose first option, "any", means no filter. */
export function SelectFilter({ label, any, value, options, onChange }: { label: string; any: string; value: string | undefined; options: readonly Option[]; onChange: (value: string | undefined) => void }) {
  const known = !value || options.some((option) => option.value === value);
  const offered = [{ value: "", label: any }, ...options, ...(known ? [] : [{ value, label: value }])];
  return <Select label={label} quiet options={offered} value={value ?? ""} onChange={(event) => onChange(event.target.value || undefined)} className="min-w-32" />;
}

const PAUSE_MILLISECONDS = 400;

/** A text that filters once typing pauses, or at Enter. */
export function TextFilter({ label, placeholder, value, onChange }: { label: string; placeholder: string; value: string | undefined; onChange: (value: string | undefined) => void }) {
  const [text, setText] = useState(value ?? "");
  const [seen, setSeen] = useState(value);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  if (seen !== value) {
    setSeen(value);
    setText(value ?? "");
  }
  useEffect(() => () => clearTimeout(timer.current), []);
  const say = (next: string) => {
    clearTimeout(timer.current);
    if ((next.trim() || undefined) !== value) onChange(next.trim() || undefined);
  };
  return (
    <div className="relative">
      <Search aria-hidden className="pointer-events-none absolute top-2 left-2 size-4 text-ink-3" />
      <TextField
        label={label}
        quiet
        placeholder={placeholder}
        value={text}
        className="pl-7"
        spellCheck={false}
        onChange={(event) => {
          const next = event.target.value;
          setText(next);
          clearTimeout(timer.current);
          timer.current = setTimeout(() => say(next), PAUSE_MILLISECONDS);
        }}
        onKeyDown={(event) => event.key === "Enter" && say(text)}
      />
    </div>
  );
}
