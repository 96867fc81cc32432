// A short hint on hover and on focus.
import { Tooltip as Radix } from "radix-ui";
import type { ReactNode } from "react";

/** Show `text` beside its one child while that is hovered or focused; without text, just the child. */
export function Tooltip({ text, children }: { text: string | null | undefined; children: ReactNode }) {
  if (!text) return children;
  return (
    <Radix.Root delayDuration={250} disableHoverableContent>
      <Radix.Trigger asChild>{children}</Radix.Trigger>
      <Radix.Portal>
        <Radix.Content sideOffset={6} collisionPadding={8} className="z-50 max-w-80 rounded-md border border-line-strong bg-surface px-2 py-1 text-xs text-ink shadow-float">
          {text}
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}

export const TooltipProvider = Radix.Provider;
