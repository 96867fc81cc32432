// A job's id in short, with the whole id on hover and one click away.
import { CopyButton } from "@/components/ui/CopyButton";
import { shortId } from "@/lib/ids";

/** The last 8 characters of an id; `copy` adds a button that copies all of it. */
export function ShortId({ id, copy }: { id: string; copy?: boolean }) {
  return (
    <span className="inline-flex items-center gap-0.5">
      <span className="mono" title={id}>{shortId(id)}</span>
      {copy ? <CopyButton text={id} label="Copy id" /> : null}
    </span>
  );
}
