// What the ledger knows of an effect, as a label.
import { CircleCheck, CircleHelp, CircleSlash } from "lucide-react";

import type { Look } from "@/components/ui/state-looks";
import type { Effect } from "@/lib/api/types";

const LOOKS: Record<Effect["state"], Look> = {
  open: { tone: "amber", icon: CircleHelp, word: "Open" },
  happened: { tone: "green", icon: CircleCheck, word: "Happened" },
  did_not_happen: { tone: "neutral", icon: CircleSlash, word: "Did not happen" },
};

/** The look of an effect's state. */
export function effectLook(state: Effect["state"]): Look {
  return LOOKS[state];
}

/** What its class promises of a repetition. */
export const CLASSES: Record<string, string> = {
  keyed: "its receiver does it once for each key",
  queryable: "its receiver can be asked whether it happened",
  unsafe: "done again, it happens twice",
};
