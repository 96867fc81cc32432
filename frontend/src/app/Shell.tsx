// What surrounds every page: skip link, sidebar, top bar, the sign-in when it is needed, and the focus on navigation.
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Outlet, useLocation } from "@tanstack/react-router";
import { useEffect, useRef } from "react";

import { Navigation } from "@/app/Navigation";
import { PausedBanner } from "@/app/PausedBanner";
import { TopBar } from "@/app/TopBar";
import { SkeletonLines } from "@/components/ui/States";
import { SignInPage } from "@/features/session/SignInPage";
import { sessionQuery } from "@/lib/api/session";
import { startLiveUpdates } from "@/lib/live/live";

export function Shell() {
  const session = useQuery(sessionQuery);
  const locked = session.data?.required === true && !session.data.signed_in;
  // When the question itself fails, the pages say what is wrong better than an empty frame.
  if (locked) return <SignInPage />;
  if (session.isPending) return <SkeletonLines />;
  return <OpenShell signOutOffered={session.data?.required === true} />;
}

function OpenShell({ signOutOffered }: { signOutOffered: boolean }) {
  const client = useQueryClient();
  useEffect(() => startLiveUpdates(client), [client]);
  const main = useMainFocus();
  return (
    <div className="min-h-dvh md:flex">
      <a href="#main" onClick={(event) => { event.preventDefault(); main.current?.focus(); }} className="sr-only z-50 rounded-md bg-accent px-3 py-2 font-medium text-accent-ink focus:not-sr-only focus:fixed focus:top-2 focus:left-2">
        Skip to the content
      </a>
      <Navigation />
      <div className="flex min-w-0 flex-1 flex-col pb-16 md:pb-0">
        <TopBar signOutOffered={signOutOffered} />
        <PausedBanner />
        <main id="main" ref={main} tabIndex={-1} className="min-w-0 flex-1">
          <Outlet />
        </main>
      </div>
    </div>
  );
}

/** Move the focus to the content when another page opens, so that a screen reader and Tab begin there. */
function useMainFocus() {
  const main = useRef<HTMLElement>(null);
  const path = useLocation({ select: (location) => location.pathname });
  const before = useRef(path);
  useEffect(() => {
    if (before.current === path) return;
    before.current = path;
    main.current?.focus({ preventScroll: true });
  }, [path]);
  return main;
}
