// Short notes about acts that were done or refused; each stays long enough to be read.
import { CircleAlert, CircleCheck, X } from "lucide-react";
import { Toast as Radix } from "radix-ui";

import { dismissToast, toasts } from "@/lib/toasts";
import { useStore } from "@/lib/store";

/** The place where notes appear; once per page. */
export function Toaster() {
  const shown = useStore(toasts);
  return (
    <Radix.Provider duration={6000} label="Note">
      {shown.map(({ id, title, detail, tone }) => (
        <Radix.Root
          key={id}
          type={tone === "bad" ? "foreground" : "background"}
          duration={tone === "bad" ? 12_000 : undefined}
          onOpenChange={(open) => !open && dismissToast(id)}
          className="flex items-start gap-2.5 rounded-lg border border-line-strong bg-surface p-3 shadow-float motion-safe:animate-[appear_160ms_ease-out]"
        >
          {tone === "bad" ? <CircleAlert className="mt-0.5 size-4 shrink-0 text-red" aria-hidden /> : <CircleCheck className="mt-0.5 size-4 shrink-0 text-green" aria-hidden />}
          <div className="min-w-0 flex-1">
            <Radix.Title className="font-medium break-words">{title}</Radix.Title>
            {detail ? <Radix.Description className="text-ink-2 break-words">{detail}</Radix.Description> : null}
          </div>
          <Radix.Close aria-label="Dismiss" className="grid size-6 place-items-center rounded text-ink-3 hover:bg-hover hover:text-ink"><X className="size-3.5" aria-hidden /></Radix.Close>
        </Radix.Root>
      ))}
      <Radix.Viewport className="fixed right-0 bottom-14 z-50 flex w-full max-w-sm flex-col gap-2 p-3 outline-none md:bottom-0" />
    </Radix.Provider>
  );
}
