// Leaving the page with an edit that was not sent asks first.
import { useBlocker } from "@tanstack/react-router";

import { ConfirmDialog } from "@/components/ui/ConfirmDialog";

/** While `unsaved`, another page, Back and closing the tab wait for a yes; the same page with another search does not. */
export function LeaveGuard({ unsaved }: { unsaved: boolean }) {
  const blocker = useBlocker({
    shouldBlockFn: ({ current, next }) => unsaved && current.pathname !== next.pathname,
    enableBeforeUnload: () => unsaved,
    withResolver: true,
  });
  if (blocker.status !== "blocked") return null;
  return (
    <ConfirmDialog
      open
      onOpenChange={(open) => !open && blocker.reset()}
      title="Leave without replaying?"
      description="The payload you edited was not sent, and is lost when you leave."
      action="Leave and lose 1 edit"
      danger
      reason="none"
      onConfirm={() => blocker.proceed()}
    />
  );
}
