// What a job's handler does outside, as the ledger knows it.
import { CLASSES, effectLook } from "./effect-looks";
import { Badge } from "@/components/ui/Badge";
import { CopyButton } from "@/components/ui/CopyButton";
import { type Column, DataTable } from "@/components/ui/DataTable";
import { Panel } from "@/components/ui/Page";
import { Time } from "@/components/ui/Time";
import type { Effect, JobDetail } from "@/lib/api/types";
import { stringifyJson } from "@/lib/json";
import { countOf, formatBytes, formatCount } from "@/lib/numbers";

const COLUMNS: Column<Effect>[] = [
  { id: "ordinal", header: "#", numeric: true, className: "align-top py-2", cell: ({ ordinal }) => ordinal },
  { id: "name", header: "Effect", className: "w-full max-w-0 align-top py-2", cell: (effect) => <What effect={effect} /> },
  { id: "state", header: "State", className: "align-top py-2", cell: (effect) => <EffectBadge effect={effect} /> },
  { id: "tries", header: "Tries", numeric: true, hideBelow: "sm", className: "align-top py-2", cell: ({ tries }) => formatCount(tries) },
  { id: "opened", header: "Opened", numeric: true, hideBelow: "sm", className: "align-top py-2 whitespace-nowrap", cell: ({ opened_at }) => <Time at={opened_at} /> },
  { id: "closed", header: "Closed", numeric: true, hideBelow: "sm", className: "align-top py-2 whitespace-nowrap", cell: ({ closed_at }) => <Time at={closed_at} /> },
];

/** The effects of a job in the order in which its handler asks for them; nothing for a job without any. */
export function EffectsPanel({ job: { effects, effects_total: total } }: { job: JobDetail }) {
  if (!effects.length) return null;
  const some = total > effects.length;
  return (
    <Panel title="Effects" flush aside={<span className="text-xs text-ink-3">{countOf(total, "effect")}{some ? `; those open and the latest, ${effects.length}, are shown` : ""}</span>}>
      <DataTable label="Effects" columns={COLUMNS} rows={effects} rowId={({ ordinal }) => String(ordinal)} />
    </Panel>
  );
}

/** What is known of an effect. */
export function EffectBadge({ effect: { state } }: { effect: Effect }) {
  const { tone, icon: Icon, word } = effectLook(state);
  return <Badge tone={tone} icon={<Icon aria-hidden />}>{word}</Badge>;
}

/** The key its receiver was sent, to be looked up there. */
export function EffectKey({ effect: { key, name } }: { effect: Effect }) {
  return (
    <span className="flex min-w-0 items-center gap-0.5 text-xs">
      <span className="mono min-w-0 break-all">{key}</span>
      <CopyButton text={key} label={`Copy the key of ${name}`} />
    </span>
  );
}

function What({ effect }: { effect: Effect }) {
  const settled = effect.closed_by !== null && effect.closed_by !== "worker";
  return (
    <div className="min-w-0 space-y-0.5">
      <p className="font-medium [overflow-wrap:anywhere]">{effect.name} <span className="font-normal text-ink-3" title={CLASSES[effect.effects]}>{effect.effects}</span></p>
      <EffectKey effect={effect} />
      <p className="text-xs text-ink-3 sm:hidden">{countOf(effect.tries, "try", "tries")}, opened <Time at={effect.opened_at} /></p>
      {settled ? <p className="text-xs break-words text-ink-2">Settled by {effect.closed_by}{effect.note ? <>: <q>{effect.note}</q></> : null}</p> : effect.note ? <p className="text-xs break-words text-ink-2">{effect.note}</p> : null}
      <Result effect={effect} />
    </div>
  );
}

function Result({ effect: { result, result_bytes: bytes, name } }: { effect: Effect }) {
  if (bytes === null) return null;
  if (result === null && bytes > "null".length) return <p className="text-xs text-ink-3">Its result has {formatBytes(bytes)}; too many results for one page.</p>;
  const text = stringifyJson(result);
  return (
    <p className="flex min-w-0 items-center gap-1 text-xs">
      <span className="text-ink-3">Result</span>
      <span className="mono min-w-0 truncate">{text}</span>
      <CopyButton text={text} label={`Copy the result of ${name}`} />
    </p>
  );
}
