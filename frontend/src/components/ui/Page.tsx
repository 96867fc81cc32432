// The frame of every page: its heading, its acts, and the panels below.
import { type ReactNode, useEffect } from "react";

import { cx } from "@/lib/cx";

interface PageProps {
  /** The document's title, and the heading unless `heading` is given. */
  title: string;
  heading?: ReactNode;
  /** The link back to the list this page belongs to. */
  crumb?: ReactNode;
  context?: ReactNode;
  actions?: ReactNode;
  children: ReactNode;
}

/** A page: sets the document's title, shows heading, one line of context and the acts, then the content. */
export function Page({ title, heading, crumb, context, actions, children }: PageProps) {
  useEffect(() => {
    document.title = `${title} · EasyFlow`;
  }, [title]);
  return (
    <div className="mx-auto w-full max-w-[1400px] space-y-4 px-4 py-4 md:px-6 md:py-5">
      <header className="flex flex-wrap items-center justify-between gap-x-6 gap-y-2">
        <div className="min-w-0">
          {crumb ? <nav aria-label="Breadcrumb" className="text-xs text-ink-3 [&_a]:hover:text-ink [&_a]:hover:underline">{crumb}</nav> : null}
          <h1 className="text-xl font-semibold tracking-tight break-words">{heading ?? title}</h1>
          {context ? <div className="text-ink-2">{context}</div> : null}
        </div>
        {actions ? <div className="flex flex-wrap items-center gap-2">{actions}</div> : null}
      </header>
      {children}
    </div>
  );
}

/** A framed part of a page; `flush` lets a table reach its edges. */
export function Panel({ title, aside, children, flush, className, label }: { title?: ReactNode; aside?: ReactNode; children: ReactNode; flush?: boolean; className?: string; label?: string }) {
  return (
    <section aria-label={label ?? (typeof title === "string" ? title : undefined)} className={cx("min-w-0 overflow-clip rounded-xl border bg-surface", className)}>
      {title ? (
        <header className="flex min-h-11 flex-wrap items-center justify-between gap-2 border-b px-4 py-1.5">
          <h2 className="font-semibold">{title}</h2>
          {aside ? <div className="flex items-center gap-2 text-ink-2">{aside}</div> : null}
        </header>
      ) : null}
      <div className={flush ? undefined : "p-4"}>{children}</div>
    </section>
  );
}
