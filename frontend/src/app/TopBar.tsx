// The top bar: search, live status, time zone, theme, sign-out.
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Clock, LogOut, Monitor, Moon, Sun } from "lucide-react";

import { LiveBadge } from "@/app/LiveBadge";
import { LookupBox } from "@/app/LookupBox";
import { IconButton } from "@/components/ui/Button";
import { keys } from "@/lib/api/keys";
import { signOut } from "@/lib/api/session";
import { type Theme, theme, zone } from "@/lib/preferences";
import { useStore } from "@/lib/store";
import { toastFailed } from "@/lib/toasts";

export function TopBar({ signOutOffered }: { signOutOffered: boolean }) {
  return (
    <header className="sticky top-0 z-20 flex h-12 items-center gap-1 border-b bg-bg/90 px-3 backdrop-blur md:px-6">
      <LookupBox />
      <span className="flex-1" />
      <LiveBadge />
      <ZoneSwitch />
      <ThemeSwitch />
      {signOutOffered ? <SignOut /> : null}
    </header>
  );
}

function ZoneSwitch() {
  const chosen = useStore(zone);
  const next = chosen === "utc" ? "local" : "utc";
  const word = chosen === "utc" ? "UTC" : "Local";
  return (
    <button
      type="button"
      onClick={() => zone.set(next)}
      aria-label={`Times are shown in ${chosen === "utc" ? "UTC" : "local time"}; switch to ${next === "utc" ? "UTC" : "local time"}`}
      title={`Times are shown in ${chosen === "utc" ? "UTC" : "local time"}`}
      className="inline-flex h-8 items-center gap-1.5 rounded-md px-2 text-xs font-medium text-ink-2 hover:bg-hover hover:text-ink"
    >
      <Clock className="size-4" aria-hidden />
      <span className="hidden sm:inline">{word}</span>
    </button>
  );
}

const THEMES: Record<Theme, { next: Theme; icon: typeof Sun; word: string }> = {
  system: { next: "light", icon: Monitor, word: "as the system" },
  light: { next: "dark", icon: Sun, word: "light" },
  dark: { next: "system", icon: Moon, word: "dark" },
};

function ThemeSwitch() {
  const chosen = useStore(theme);
  const { next, icon: Icon, word } = THEMES[chosen];
  return <IconButton label={`Theme: ${word}; switch to ${THEMES[next].word}`} icon={<Icon aria-hidden />} onClick={() => theme.set(next)} />;
}

function SignOut() {
  const client = useQueryClient();
  const leave = useMutation({
    mutationFn: signOut,
    onSuccess: () => {
      client.setQueryData(keys.session, { required: true, signed_in: false });
      // The shell looks at the session's own entry, so that one stays; nothing else may outlive the person.
      client.removeQueries({ predicate: (query) => query.queryKey[0] !== keys.session[0] });
    },
    onError: (error) => toastFailed("You are still signed in", error),
  });
  return <IconButton label="Sign out" icon={<LogOut aria-hidden />} loading={leave.isPending} onClick={() => leave.mutate()} />;
}
