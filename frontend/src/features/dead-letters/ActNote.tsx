// Why an act was not done: someone was faster and what they did, or the server's refusal.
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { RefreshCw, Users } from "lucide-react";

import { readNow, refresh } from "./api";
import { Button } from "@/components/ui/Button";
import { ErrorNote } from "@/components/ui/ErrorState";
import { StateBadge } from "@/components/ui/StateBadge";
import { Time } from "@/components/ui/Time";
import { ApiError } from "@/lib/api/errors";

interface ActNoteProps {
  error: unknown;
  jobId: string;
  /** After the page shows the present state. */
  onReloaded: () => void;
  /** An edit is open that the present state would take away. */
  losesEdit?: boolean;
}

/** A refusal in words; one by 409 tells the present state and offers to load it. */
export function ActNote({ error, jobId, onReloaded, losesEdit }: ActNoteProps) {
  if (!error) return null;
  if (!(error instanceof ApiError) || error.status !== 409) return <ErrorNote error={error} />;
  return <SomeoneWasFaster error={error} jobId={jobId} onReloaded={onReloaded} losesEdit={losesEdit} />;
}

function SomeoneWasFaster({ error, jobId, onReloaded, losesEdit }: ActNoteProps & { error: ApiError }) {
  const client = useQueryClient();
  const now = useQuery({ queryKey: ["dead-letter-now", jobId, error.requestId], queryFn: ({ signal }) => readNow(jobId, signal), staleTime: Infinity });
  return (
    <div role="alert" className="space-y-2 rounded-md bg-amber-soft px-3 py-2.5 text-amber">
      <p className="flex gap-2 font-medium"><Users className="mt-0.5 size-4 shrink-0" aria-hidden />Someone was faster: nothing was sent to the job.</p>
      {now.data ? (
        <p className="text-ink-2">
          It is <StateBadge state={now.data.state} /> at version {now.data.version} now
          {now.data.closed_at ? <>, by {now.data.closed_by}, <Time at={now.data.closed_at} />{now.data.closed_reason ? `: ${now.data.closed_reason}` : ""}</> : null}.
        </p>
      ) : (
        <p className="text-ink-2">{error.message}</p>
      )}
      <Button size="small" icon={<RefreshCw aria-hidden />} onClick={() => void refresh(client).then(onReloaded)}>{losesEdit ? "Reload what it is now, drop the edit" : "Reload what it is now"}</Button>
    </div>
  );
}
