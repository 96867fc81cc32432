// The second question: what it was given. The payload as it was submitted, and the quick changes that lead to a replay.
import { Pencil } from "lucide-react";

import { isOn, switched, type Toggle } from "./toggles";
import { Button } from "@/components/ui/Button";
import { JsonView } from "@/components/ui/JsonView";
import { Panel } from "@/components/ui/Page";
import { Switch } from "@/components/ui/Switch";

interface GivenProps {
  payload: unknown;
  toggles: readonly Toggle[];
  /** Opens the editor, with a payload that is changed already or as it is. */
  onEdit: (payload: unknown) => void;
  /** Why nothing can be changed now; null when it can. */
  closed: string | null;
}

export function Given({ payload, toggles, onEdit, closed }: GivenProps) {
  return (
    <Panel
      title="What it was given"
      aside={<Button size="small" icon={<Pencil aria-hidden />} disabledReason={closed} onClick={() => onEdit(payload)}>Edit</Button>}
    >
      <div className="space-y-4">
        {closed ? null : <QuickChanges payload={payload} toggles={toggles} onChange={onEdit} disabledReason={null} />}
        <JsonView value={payload} label="Payload" />
      </div>
    </Panel>
  );
}

interface QuickChangesProps {
  payload: unknown;
  toggles: readonly Toggle[];
  onChange: (payload: unknown) => void;
  disabledReason: string | null;
}

/** One switch for each yes-or-no field that the payload holds or leaves out; nothing when there is none. */
export function QuickChanges({ payload, toggles, onChange, disabledReason }: QuickChangesProps) {
  const offered = toggles.filter((toggle) => disabledReason !== null || isOn(payload, toggle) !== null);
  if (!offered.length) return null;
  return (
    <div role="group" aria-label="Quick changes" className="space-y-2.5 rounded-lg border bg-sunken px-3 py-2.5">
      {offered.map((toggle) => (
        <Switch
          key={toggle.name}
          label={<span className="mono">{toggle.name}</span>}
          hint={toggle.hint || null}
          checked={isOn(payload, toggle) ?? toggle.fallback}
          disabledReason={disabledReason}
          onChange={(on) => onChange(switched(payload, toggle, on))}
        />
      ))}
    </div>
  );
}
