// Copying a text, with the outcome shown where the eye is.
import { Check, Copy, TriangleAlert } from "lucide-react";
import { useEffect, useState } from "react";

import { cx } from "@/lib/cx";
import { copyText } from "@/lib/clipboard";

type Outcome = "idle" | "copied" | "refused";

/** Copy `text`; `label` says what ("Copy id"). With `children` they are the button's text, else it is an icon. */
export function CopyButton({ text, label, children, className }: { text: string; label: string; children?: string; className?: string }) {
  const [outcome, setOutcome] = useState<Outcome>("idle");
  useEffect(() => {
    if (outcome === "idle") return;
    const timer = setTimeout(() => setOutcome("idle"), 1600);
    return () => clearTimeout(timer);
  }, [outcome]);
  const Icon = outcome === "copied" ? Check : outcome === "refused" ? TriangleAlert : Copy;
  const said = outcome === "copied" ? "Copied" : outcome === "refused" ? "Select and copy by hand" : label;
  return (
    <button
      type="button"
      aria-label={said}
      title={said}
      onClick={async (event) => {
        event.stopPropagation();
        event.preventDefault();
        setOutcome((await copyText(text)) ? "copied" : "refused");
      }}
      className={cx(
        "inline-flex h-6 min-w-6 shrink-0 items-center justify-center gap-1.5 rounded px-1 text-xs font-medium text-ink-3 hover:bg-hover hover:text-ink [&_svg]:size-3.5",
        outcome === "copied" && "text-green hover:text-green",
        className,
      )}
    >
      <Icon aria-hidden />
      {children ? <span aria-live="polite">{outcome === "idle" ? children : said}</span> : <span className="sr-only" aria-live="polite">{outcome === "idle" ? "" : said}</span>}
    </button>
  );
}
