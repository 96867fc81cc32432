// Above every page while unsafe jobs are paused: since when, why, and the command that lets them start again.
import { useQuery } from "@tanstack/react-query";
import { ShieldAlert } from "lucide-react";

import { CodeBlock } from "@/components/ui/CodeBlock";
import { Time } from "@/components/ui/Time";
import { overviewQuery } from "@/lib/api/queries";
import type { GuardNotice } from "@/lib/api/types";

const RELEASE = "easyflow timeline release --lost-from TIME --lost-until TIME --reason WHY";

export function PausedBanner() {
  const notice = useQuery(overviewQuery).data?.timeline;
  return notice ? <PausedNotice notice={notice} /> : null;
}

/** The banner for what the guard says; nothing while every task is claimed. */
export function PausedNotice({ notice: { state, since, differences } }: { notice: GuardNotice }) {
  if (state !== "tripped" && state !== "releasing") return null;
  return (
    <section role="alert" aria-label="Unsafe jobs are paused" className="space-y-2 border-b border-red/45 bg-red-soft px-3 py-3 md:px-6">
      <p className="flex items-start gap-2 font-medium text-red">
        <ShieldAlert className="mt-0.5 size-4 shrink-0" aria-hidden />
        <span>
          Unsafe jobs are paused since <Time at={since} absolute />: the database went back in time.
        </span>
      </p>
      <ul className="list-disc space-y-0.5 pl-11 text-xs break-words text-ink-2">
        {differences.map((said) => <li key={said}>{said}</li>)}
      </ul>
      <div className="space-y-2 pl-6 text-xs text-ink-2">
        {state === "tripped" ? (
          <>
            <p>The ledger of the lost time may be incomplete. Say which time was lost: unsafe jobs that existed then are parked for review, all others start again.</p>
            <CodeBlock code={RELEASE} label="the command to release" />
          </>
        ) : (
          <p>A release is under way: jobs that existed in the lost time are being parked, and those that still run are waited for.</p>
        )}
      </div>
    </section>
  );
}
