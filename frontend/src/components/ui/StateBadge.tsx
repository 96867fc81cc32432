// The one way a state is shown: icon, word and colour together.
import { Badge } from "@/components/ui/Badge";
import { stateLook } from "@/components/ui/state-looks";
import { cx } from "@/lib/cx";

/** The badge of a state of a job, dead letter, worker or queue. */
export function StateBadge({ state, className }: { state: string; className?: string }) {
  const { tone, icon: Icon, word } = stateLook(state);
  return (
    <Badge tone={tone} className={className} icon={<Icon aria-hidden className={cx(state === "RUNNING" && "motion-safe:animate-[spin_2s_linear_infinite]")} />}>
      {word}
    </Badge>
  );
}
