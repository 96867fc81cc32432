// Tabs whose choice belongs to the caller, who keeps it in the URL.
import { Tabs as Radix } from "radix-ui";
import type { ReactNode } from "react";

export interface Tab {
  id: string;
  label: ReactNode;
  content: ReactNode;
}

/** A row of tabs and the content of the chosen one; arrow keys move between them. */
export function Tabs({ label, tabs, value, onChange }: { label: string; tabs: readonly Tab[]; value: string; onChange: (id: string) => void }) {
  return (
    <Radix.Root value={value} onValueChange={onChange}>
      <Radix.List aria-label={label} className="scroll-x flex gap-4 border-b border-line">
        {tabs.map(({ id, label: text }) => (
          <Radix.Trigger key={id} value={id} className="-mb-px h-9 border-b-2 border-transparent font-medium whitespace-nowrap text-ink-2 hover:text-ink data-[state=active]:border-accent data-[state=active]:text-ink">
            {text}
          </Radix.Trigger>
        ))}
      </Radix.List>
      {tabs.map(({ id, content }) => <Radix.Content key={id} value={id} className="pt-4">{content}</Radix.Content>)}
    </Radix.Root>
  );
}
