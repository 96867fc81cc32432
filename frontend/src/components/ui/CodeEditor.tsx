// A JSON editor, loaded when it is first needed.
import { lazy, Suspense } from "react";

import type { CodeEditorViewProps } from "@/components/ui/CodeEditorView";
import { SkeletonLines } from "@/components/ui/States";

const CodeEditorView = lazy(() => import("@/components/ui/CodeEditorView"));

/** Edit JSON text with colours, brackets and a lint of its syntax; `problems` stand at their places in the text. */
export function CodeEditor(props: CodeEditorViewProps) {
  return (
    <div className="overflow-hidden rounded-lg border border-line-strong bg-sunken focus-within:outline-2 focus-within:outline-accent">
      <Suspense fallback={<SkeletonLines lines={6} />}>
        <CodeEditorView {...props} />
      </Suspense>
    </div>
  );
}
