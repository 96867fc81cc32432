// What an edit changes, line by line: signs and words besides colours.
import type { DiffLine } from "./changes";
import { cx } from "@/lib/cx";

const LOOKS: Record<DiffLine["kind"], { sign: string; said: string; look: string }> = {
  same: { sign: " ", said: "", look: "text-ink-2" },
  removed: { sign: "-", said: "removed: ", look: "bg-red-soft text-red" },
  added: { sign: "+", said: "added: ", look: "bg-green-soft text-green" },
  gap: { sign: " ", said: "", look: "text-ink-3 italic" },
};

export function DiffView({ lines }: { lines: readonly DiffLine[] }) {
  return (
    <div role="region" aria-label="Changes to the payload" tabIndex={0} className="mono max-h-72 overflow-auto rounded-lg border bg-sunken py-2 text-xs leading-5">
      {lines.map(({ kind, text }, index) => {
        const { sign, said, look } = LOOKS[kind];
        return (
          <div key={index} className={cx("flex px-3", look)}>
            <span aria-hidden className="w-4 shrink-0 select-none">{sign}</span>
            <span className="min-w-0 [overflow-wrap:anywhere] whitespace-pre-wrap">{said ? <span className="sr-only">{said}</span> : null}{text}</span>
          </div>
        );
      })}
    </div>
  );
}
