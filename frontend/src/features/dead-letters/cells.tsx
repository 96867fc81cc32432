// The two cells of the list that say more than a value.
import { Link } from "@tanstack/react-router";

import { reasonOf } from "./reasons";
import { Tooltip } from "@/components/ui/Tooltip";
import type { DeadLetter } from "@/lib/api/types";
import { shortType } from "@/lib/ids";

/** The error in one line; all of it while the row has the focus, or under the pointer. */
export function Why({ letter }: { letter: DeadLetter }) {
  const { error, error_code: code } = letter;
  return (
    <>
      <Tooltip text={error?.message}>
        <Link to="/dead-letters/$jobId" params={{ jobId: letter.job_id }} data-row-link className="block truncate leading-6">
          <span className="font-medium">{error ? shortType(error.type) : reasonOf(letter.reason).word}</span>
          {code ? <span className="mono text-ink-2"> {code}</span> : null}
          {error?.message ? <span className="text-ink-2"> {error.message}</span> : null}
        </Link>
      </Tooltip>
      <span className="block truncate text-xs text-ink-3 md:hidden">{letter.task} · {reasonOf(letter.reason).word}</span>
    </>
  );
}

/** The rule that ended the job, in two words; its sentence on hover. */
export function ReasonWord({ reason }: { reason: string }) {
  const { icon: Icon, word, says, unknown } = reasonOf(reason);
  return (
    <span className="inline-flex items-center gap-1.5" title={unknown ? `${says} Whether its effect happened is not known.` : says}>
      <Icon aria-hidden className="size-3.5 text-ink-3" />
      {word}
      {unknown ? <span className="text-amber">outcome unknown</span> : null}
    </span>
  );
}
