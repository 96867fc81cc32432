// A dialog: title, content, buttons; while it is open the page behind keeps still.
import { X } from "lucide-react";
import { Dialog as Radix } from "radix-ui";
import type { FormEvent, ReactNode } from "react";

import { useHoldLive } from "@/lib/live/live";
import { cx } from "@/lib/cx";

interface DialogProps {
  open: boolean;
  onOpenChange: (open: boolean) => void;
  title: string;
  description?: ReactNode;
  children?: ReactNode;
  /** The buttons, main act last. */
  footer?: ReactNode;
  /** Makes the whole dialog a form: Enter in a field submits. */
  onSubmit?: () => void;
  wide?: boolean;
}

/** A modal dialog; Escape and the cross close it, focus returns to where it was. */
export function Dialog({ open, onOpenChange, title, description, children, footer, onSubmit, wide }: DialogProps) {
  useHoldLive(open);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    event.stopPropagation();
    onSubmit?.();
  };
  return (
    <Radix.Root open={open} onOpenChange={onOpenChange}>
      <Radix.Portal>
        <Radix.Overlay className="fixed inset-0 z-40 bg-black/45 motion-safe:animate-[appear_120ms_ease-out]" />
        <Radix.Content
          {...(description ? {} : { "aria-describedby": undefined })}
          className={cx(
            "fixed inset-x-2 top-[8dvh] z-50 mx-auto flex max-h-[84dvh] flex-col rounded-xl border border-line-strong bg-surface shadow-float motion-safe:animate-[appear_140ms_ease-out]",
            wide ? "max-w-3xl" : "max-w-md",
          )}
        >
          <form onSubmit={submit} className="flex min-h-0 flex-col">
            <header className="flex items-start justify-between gap-4 px-5 pt-4">
              <Radix.Title className="text-lg font-semibold">{title}</Radix.Title>
              <Radix.Close className="-mr-1.5 grid size-7 shrink-0 place-items-center rounded-md text-ink-3 hover:bg-hover hover:text-ink" aria-label="Close">
                <X className="size-4" aria-hidden />
              </Radix.Close>
            </header>
            <div className="min-h-0 space-y-4 overflow-y-auto px-5 pt-1 pb-5">
              {description ? <Radix.Description asChild><div className="text-ink-2">{description}</div></Radix.Description> : null}
              {children}
            </div>
            {footer ? <footer className="flex flex-wrap justify-end gap-2 border-t border-line px-5 py-3">{footer}</footer> : null}
          </form>
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}
