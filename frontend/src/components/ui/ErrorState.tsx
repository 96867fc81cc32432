// What went wrong, what to do next, and the id under which the server's log knows it.
import { CloudOff, TriangleAlert } from "lucide-react";

import { Button } from "@/components/ui/Button";
import { CopyButton } from "@/components/ui/CopyButton";
import { ApiError, messageOf } from "@/lib/api/errors";

/** A whole part of the page that could not be loaded. */
export function ErrorState({ error, onRetry }: { error: unknown; onRetry?: () => void }) {
  const away = error instanceof ApiError && error.isPassing;
  const Icon = away ? CloudOff : TriangleAlert;
  return (
    <div role="alert" className="flex flex-col items-center gap-2 px-6 py-12 text-center">
      <Icon className="size-6 text-ink-3" strokeWidth={1.5} aria-hidden />
      <p className="font-medium">{error instanceof ApiError ? error.title : "This page stumbled"}</p>
      <p className="max-w-lg break-words text-ink-2">{messageOf(error)}</p>
      <RequestId error={error} />
      {onRetry ? <Button className="mt-2" onClick={onRetry}>Try again</Button> : null}
    </div>
  );
}

/** A refusal in the middle of a form or dialog, with each field's problem. */
export function ErrorNote({ error }: { error: unknown }) {
  const problems = error instanceof ApiError ? error.problems : [];
  return (
    <div role="alert" className="space-y-1 rounded-md bg-red-soft px-3 py-2 text-red">
      <p className="flex gap-2 font-medium"><TriangleAlert className="mt-0.5 size-4 shrink-0" aria-hidden /><span className="min-w-0 break-words">{messageOf(error)}</span></p>
      {problems.length ? (
        <ul className="ml-6 list-disc text-xs">
          {problems.map(({ at, message }, index) => <li key={index}><span className="mono">{at}</span>: {message}</li>)}
        </ul>
      ) : null}
      <RequestId error={error} />
    </div>
  );
}

function RequestId({ error }: { error: unknown }) {
  if (!(error instanceof ApiError) || !error.requestId) return null;
  return (
    <p className="inline-flex items-center gap-1 text-xs text-ink-3">
      Request <span className="mono">{error.requestId}</span>
      <CopyButton text={error.requestId} label="Copy request id" />
    </p>
  );
}
