// Facts as pairs of a name and a value.
import type { ReactNode } from "react";

export type Fact = readonly [name: string, value: ReactNode];

/** A list of facts in two columns; pairs whose value is null are left out. */
export function KeyValues({ facts }: { facts: readonly (Fact | null)[] }) {
  return (
    <dl className="grid grid-cols-[minmax(6.5rem,auto)_minmax(0,1fr)] gap-x-4 gap-y-1.5">
      {facts.filter((fact) => fact !== null && fact[1] !== null).map((fact) => (
        <div key={fact?.[0]} className="contents">
          <dt className="text-ink-3">{fact?.[0]}</dt>
          <dd className="min-w-0 break-words">{fact?.[1]}</dd>
        </div>
      ))}
    </dl>
  );
}
