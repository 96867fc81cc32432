// One dead letter: what failed, what it was given, how often; and the decision about it.
import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { Archive, CircleCheck, Pencil, RotateCcw } from "lucide-react";
import { useState } from "react";

import { ActDialog } from "./ActDialogs";
import type { Act } from "./commands";
import { ClosedBy, Follow } from "./Follow";
import { Given } from "./Given";
import { HowOften } from "./HowOften";
import { ReplayEditor } from "./ReplayEditor";
import { Terminal } from "./Terminal";
import { togglesOf } from "./toggles";
import { WhatFailed } from "./WhatFailed";
import { Button } from "@/components/ui/Button";
import { Loaded } from "@/components/ui/Loaded";
import { Page, Panel } from "@/components/ui/Page";
import { ShortId } from "@/components/ui/ShortId";
import { StateBadge } from "@/components/ui/StateBadge";
import { EmptyState } from "@/components/ui/States";
import { ApiError } from "@/lib/api/errors";
import { deadLetterQuery, tasksQuery } from "@/lib/api/queries";
import { sessionQuery } from "@/lib/api/session";
import type { DeadLetterDetail } from "@/lib/api/types";
import { basePath } from "@/lib/base";
import { shortId } from "@/lib/ids";

const route = getRouteApi("/dead-letters/$jobId");

export function DeadLetterPage() {
  const { jobId } = route.useParams();
  // Another dead letter is another page: nothing typed for one may ever be sent to the other.
  return <Inspector key={jobId} jobId={jobId} />;
}

/** An edit under way: the dead letter as it was then, and the payload it began with. */
interface Draft {
  letter: DeadLetterDetail;
  begin: unknown;
}

function Inspector({ jobId }: { jobId: string }) {
  const letter = useQuery(deadLetterQuery(jobId));
  const [draft, setDraft] = useState<Draft | null>(null);
  const [asking, setAsking] = useState<{ verb: Act["verb"]; letter: DeadLetterDetail } | null>(null);
  const [replayedHere, setReplayedHere] = useState(false);
  const done = (act: Act) => {
    setDraft(null);
    setAsking(null);
    if (act.verb === "replay") setReplayedHere(true);
  };
  const { data } = letter;
  const missing = !data && letter.error instanceof ApiError && letter.error.status === 404;
  return (
    <Page
      title={`Dead letter ${shortId(jobId)}`}
      heading={data?.task}
      crumb={<span className="inline-flex flex-wrap items-center gap-x-1"><Link to="/dead-letters">Dead letters</Link> / <ShortId id={jobId} copy /> · <Link to="/jobs/$jobId" params={{ jobId }}>its job</Link></span>}
      actions={data ? <Acts letter={data} editing={draft !== null} onEdit={() => setDraft({ letter: data, begin: data.payload })} onAsk={(verb) => setAsking({ verb, letter: data })} /> : null}
    >
      {missing ? (
        <NoSuchLetter jobId={jobId} />
      ) : (
        <Loaded query={letter}>
          {(now) => <Answers letter={now} draft={draft} onDraft={setDraft} onDone={done} replayedHere={replayedHere} />}
        </Loaded>
      )}
      {asking ? <ActDialog {...asking} onClose={() => setAsking(null)} onDone={done} /> : null}
    </Page>
  );
}

function NoSuchLetter({ jobId }: { jobId: string }) {
  return (
    <Panel flush label="No dead letter">
      <EmptyState icon={CircleCheck} title="No dead letter has this id">
        Its job may never have failed for good: see <Link to="/jobs/$jobId" params={{ jobId }} className="text-accent underline underline-offset-2">the job</Link>.
      </EmptyState>
    </Panel>
  );
}

/** Why nothing can be decided now; null while the dead letter is open. */
function whyClosed({ state }: DeadLetterDetail): string | null {
  return state === "open" ? null : `It is ${state} already: there is nothing left to decide.`;
}

function Acts({ letter, editing, onEdit, onAsk }: { letter: DeadLetterDetail; editing: boolean; onEdit: () => void; onAsk: (verb: Act["verb"]) => void }) {
  const closed = whyClosed(letter);
  const busy = closed ?? (editing ? "Finish or leave the edit first." : null);
  return (
    <>
      <StateBadge state={letter.state} className="mr-1" />
      <Button kind="danger" icon={<Archive aria-hidden />} disabledReason={busy} onClick={() => onAsk("discard")}>Discard</Button>
      <Button icon={<RotateCcw aria-hidden />} disabledReason={busy} onClick={() => onAsk("replay")}>Replay as is</Button>
      <Button kind="primary" icon={<Pencil aria-hidden />} disabledReason={closed ?? (editing ? "The editor is open below." : null)} onClick={onEdit}>Edit & replay</Button>
    </>
  );
}

interface AnswersProps {
  letter: DeadLetterDetail;
  draft: Draft | null;
  onDraft: (draft: Draft | null) => void;
  onDone: (act: Act) => void;
  replayedHere: boolean;
}

/** The three questions in their order; on a wide screen the payload stands beside the error it caused. */
function Answers({ letter, draft, onDraft, onDone, replayedHere }: AnswersProps) {
  const tasks = useQuery(tasksQuery);
  const secured = useQuery(sessionQuery).data?.required === true;
  const toggles = togglesOf(tasks.data?.items.find(({ name }) => name === letter.task)?.payload_schema);
  const commandsFor = { origin: `${location.origin}${basePath}`, secured };
  return (
    <>
      {letter.state === "replayed" || replayedHere ? <Follow letter={letter} here={replayedHere} /> : null}
      {letter.state === "discarded" ? <div className="rounded-xl border bg-surface px-4 py-3"><ClosedBy letter={letter} /></div> : null}
      <div className="grid items-start gap-4 lg:grid-cols-2 lg:grid-rows-[auto_1fr]">
        <WhatFailed letter={letter} />
        <div className="min-w-0 space-y-4 lg:col-start-2 lg:row-span-2 lg:row-start-1">
          {draft ? (
            <ReplayEditor letter={draft.letter} begin={draft.begin} toggles={toggles} commandsFor={commandsFor} onClose={() => onDraft(null)} onReplayed={onDone} />
          ) : (
            <Given payload={letter.payload} toggles={toggles} onEdit={(begin) => onDraft({ letter, begin })} closed={whyClosed(letter)} />
          )}
        </div>
        <div className="min-w-0 space-y-4">
          <HowOften letter={letter} />
          {letter.state === "open" ? <Terminal letter={letter} origin={commandsFor.origin} secured={secured} /> : null}
        </div>
      </div>
    </>
  );
}
