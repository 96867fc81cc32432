// The same acts from a terminal.
import { useState } from "react";

import { type Act, cliOf, curlOf } from "./commands";
import { CodeBlock } from "@/components/ui/CodeBlock";
import { Panel } from "@/components/ui/Page";
import { Tabs } from "@/components/ui/Tabs";
import type { DeadLetterDetail } from "@/lib/api/types";

const VERBS = ["replay", "discard"] as const;

export function Terminal({ letter, origin, secured }: { letter: DeadLetterDetail; origin: string; secured: boolean }) {
  const [way, setWay] = useState("cli");
  const acts = VERBS.map((verb): Act => ({ verb, jobId: letter.job_id, seenVersion: letter.version, reason: "say why" }));
  return (
    <Panel title="From a terminal">
      <Tabs
        label="Ways to act from a terminal"
        value={way}
        onChange={setWay}
        tabs={[
          { id: "cli", label: "EasyFlow", content: <Commands acts={acts} label="command" write={cliOf} /> },
          { id: "curl", label: "curl", content: <Commands acts={acts} label="curl command" write={(act) => curlOf(act, origin, secured)} /> },
        ]}
      />
    </Panel>
  );
}

function Commands({ acts, label, write }: { acts: readonly Act[]; label: string; write: (act: Act) => string }) {
  return (
    <div className="space-y-3">
      {acts.map((act) => <CodeBlock key={act.verb} label={`${act.verb} ${label}`} code={write(act)} />)}
    </div>
  );
}
