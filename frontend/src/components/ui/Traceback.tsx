// A traceback: folded, because its last line is already said, and one click from the clipboard.
import { ChevronRight } from "lucide-react";

import { CodeBlock } from "@/components/ui/CodeBlock";

interface TracebackProps {
  text: string;
  open?: boolean;
  /** Hears the wish to open or close; whoever gives it keeps `open`. Without it the traceback folds by itself. */
  onToggle?: (open: boolean) => void;
}

/** A traceback behind its own heading. */
export function Traceback({ text, open = false, onToggle }: TracebackProps) {
  return (
    <details open={open} className="group/trace">
      <summary
        onClick={(event) => {
          // The element's own toggle event also comes when `open` changes from outside; a click is only ever a wish.
          if (!onToggle) return;
          event.preventDefault();
          onToggle(!open);
        }}
        className="inline-flex list-none items-center gap-1 rounded text-xs font-medium text-ink-2 hover:text-ink [&::-webkit-details-marker]:hidden"
      >
        <ChevronRight aria-hidden className="size-4 transition-transform group-open/trace:rotate-90" />
        Traceback
      </summary>
      <div className="mt-2 [&_pre]:max-h-96 [&_pre]:overflow-y-auto"><CodeBlock code={text.trimEnd()} label="traceback" /></div>
    </details>
  );
}
