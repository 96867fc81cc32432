// An error a handler raised: the name of its type, its code, and its message in full.
import { Badge } from "@/components/ui/Badge";
import { shortType } from "@/lib/ids";

interface ErrorTextProps {
  error: { type: string; message: string | null; code?: string | null };
}

/** Type and code on the first line, the message below, its lines kept. */
export function ErrorText({ error }: ErrorTextProps) {
  return (
    <div className="min-w-0">
      <p className="flex flex-wrap items-center gap-2">
        <span className="mono font-medium text-red" title={error.type}>{shortType(error.type)}</span>
        {error.code ? <Badge>{error.code}</Badge> : null}
      </p>
      {error.message ? <p className="max-h-48 overflow-y-auto break-words whitespace-pre-wrap">{error.message}</p> : null}
    </div>
  );
}
