// Whether what the page shows is live, asked for every few seconds, or old, and why.
import { CloudOff, Radio, RefreshCw } from "lucide-react";

import { Tooltip } from "@/components/ui/Tooltip";
import { outage } from "@/lib/api/reachability";
import { cx } from "@/lib/cx";
import { liveStatus } from "@/lib/live/live";
import { useStore } from "@/lib/store";

export function LiveBadge() {
  const { state, reason } = useStore(liveStatus);
  const away = useStore(outage);
  const shown = away
    ? { word: "Offline", why: `${away} What you see is from before.`, tone: "text-red", icon: CloudOff }
    : state === "live"
      ? { word: "Live", why: "Changes appear by themselves.", tone: "text-green", icon: Radio }
      : state === "polling"
        ? { word: "Polling", why: reason, tone: "text-amber", icon: RefreshCw }
        : { word: "Connecting", why: "Opening the live stream.", tone: "text-ink-3", icon: Radio };
  return (
    <Tooltip text={shown.why}>
      <span tabIndex={0} role="status" aria-label={`${shown.word}. ${shown.why ?? ""}`} className={cx("inline-flex h-8 items-center gap-1.5 rounded-md px-2 text-xs font-medium", shown.tone)}>
        <shown.icon className="size-4" aria-hidden />
        <span className="hidden sm:inline">{shown.word}</span>
      </span>
    </Tooltip>
  );
}
