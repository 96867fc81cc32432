// A command or a piece of code to take away.
import { CopyButton } from "@/components/ui/CopyButton";

/** Code in its own box with a copy button; `label` names it. */
export function CodeBlock({ code, label }: { code: string; label: string }) {
  return (
    <div className="relative rounded-lg border bg-sunken">
      <pre tabIndex={0} role="region" aria-label={label} className="mono overflow-x-auto p-3 pr-12 text-xs leading-5">{code}</pre>
      <CopyButton text={code} label={`Copy ${label}`} className="absolute top-1.5 right-1.5 bg-sunken" />
    </div>
  );
}
