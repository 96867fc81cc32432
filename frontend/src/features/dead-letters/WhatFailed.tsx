// The first question: what failed. The error as it was raised, and the rule that ended the job.
import { TriangleAlert } from "lucide-react";

import { reasonOf } from "./reasons";
import { Badge } from "@/components/ui/Badge";
import { KeyValues } from "@/components/ui/KeyValues";
import { Panel } from "@/components/ui/Page";
import { Time } from "@/components/ui/Time";
import { Traceback } from "@/components/ui/Traceback";
import type { DeadLetterDetail } from "@/lib/api/types";
import { shortType } from "@/lib/ids";

export function WhatFailed({ letter, className }: { letter: DeadLetterDetail; className?: string }) {
  const { error, error_code: code, traceback } = letter;
  const reason = reasonOf(letter.reason);
  return (
    <Panel title="What failed" className={className}>
      <div className="space-y-4">
        <div className="space-y-1.5 border-l-2 border-red pl-3">
          <p className="flex flex-wrap items-center gap-2">
            <span className="mono font-semibold text-red" title={error?.type}>{error ? shortType(error.type) : "No error was kept"}</span>
            {code ? <Badge tone="red"><span className="sr-only">code </span><span className="mono">{code}</span></Badge> : null}
          </p>
          {error?.message ? <p data-testid="error-message" className="text-base break-words whitespace-pre-wrap">{error.message}</p> : null}
        </div>
        <KeyValues
          facts={[
            ["Why it ended", <span key="w"><span className="font-medium">{reason.word}.</span> <span className="text-ink-2">{reason.says}</span></span>],
            ["Task", <span key="t" className="mono">{letter.task}</span>],
            ["Queue", letter.queue],
            letter.key ? ["Key", <span key="k" className="mono">{letter.key}</span>] : null,
            letter.tags.length ? ["Tags", letter.tags.join(", ")] : null,
            ["Failed", <Time key="f" at={letter.failed_at} />],
          ]}
        />
        {reason.unknown ? <OutcomeUnknown /> : null}
        {traceback ? <Traceback text={traceback} /> : null}
      </div>
    </Panel>
  );
}

/** The warning that belongs wherever such a job may be replayed. */
export function OutcomeUnknown() {
  return (
    <p className="flex gap-2 rounded-md bg-amber-soft px-3 py-2 text-amber">
      <TriangleAlert className="mt-0.5 size-4 shrink-0" aria-hidden />
      <span>Nobody knows whether its effect happened. Look there first: a replay may make it happen twice.</span>
    </p>
  );
}
