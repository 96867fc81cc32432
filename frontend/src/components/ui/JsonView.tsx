// JSON as it is kept, every digit untouched: coloured, foldable where it is long, and one click from the clipboard.
import { type ReactNode, useMemo, useState } from "react";

import { Button } from "@/components/ui/Button";
import { CopyButton } from "@/components/ui/CopyButton";
import { stringifyJson } from "@/lib/json";
import { cx } from "@/lib/cx";
import { formatBytes } from "@/lib/numbers";

const LINES_SHOWN = 40;
const CHARS_COLOURED = 200_000;
const TOKEN = /("(?:[^"\\]|\\.)*")(\s*:)?|(-?\d[\d.eE+-]*)|\b(true|false|null)\b/g;

/** A value of the API (payload, result, schema) as readable JSON; `label` names it. */
export function JsonView({ value, label, className }: { value: unknown; label: string; className?: string }) {
  const text = useMemo(() => stringifyJson(value, 2), [value]);
  const lines = useMemo(() => text.split("\n"), [text]);
  const [whole, setWhole] = useState(false);
  const long = lines.length > LINES_SHOWN;
  const shown = long && !whole ? lines.slice(0, LINES_SHOWN).join("\n") : text;
  return (
    <div className={cx("relative rounded-lg border bg-sunken", className)}>
      <CopyButton text={text} label={`Copy ${label.toLowerCase()}`} className="absolute top-1.5 right-1.5 z-10 bg-sunken" />
      <pre tabIndex={0} role="region" aria-label={label} className="mono max-h-[70vh] overflow-auto p-3 pr-10 text-xs leading-5 whitespace-pre">
        {shown.length > CHARS_COLOURED ? shown : coloured(shown)}
      </pre>
      {long ? (
        <div className="border-t px-2 py-1.5">
          <Button kind="quiet" size="small" aria-expanded={whole} onClick={() => setWhole(!whole)}>
            {whole ? "Show less" : `Show all ${lines.length} lines (${formatBytes(new Blob([text]).size)})`}
          </Button>
        </div>
      ) : null}
    </div>
  );
}

function coloured(text: string): ReactNode[] {
  const parts: ReactNode[] = [];
  let at = 0;
  for (const match of text.matchAll(TOKEN)) {
    const [all, quoted, colon, number] = match;
    if (match.index > at) parts.push(text.slice(at, match.index));
    const tone = quoted ? (colon ? "text-ink" : "text-green") : number ? "text-blue" : "text-violet";
    parts.push(<span key={match.index} className={tone}>{quoted ?? all}</span>);
    if (colon) parts.push(colon);
    at = match.index + all.length;
  }
  parts.push(text.slice(at));
  return parts;
}
