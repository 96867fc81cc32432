// The sidebar; on a narrow screen the same links stand in a bar at the bottom.
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";

import { PLACES, type Place } from "@/app/places";
import { overviewQuery } from "@/lib/api/queries";
import { countOf, formatTotal } from "@/lib/numbers";

export function Navigation() {
  return (
    <nav aria-label="Main" className="fixed inset-x-0 bottom-0 z-30 border-t bg-surface md:sticky md:inset-auto md:top-0 md:h-dvh md:w-52 md:shrink-0 md:border-t-0 md:border-r md:bg-sunken">
      <Link to="/" className="hidden h-12 items-center gap-2 px-4 md:flex" aria-label="EasyFlow, to the Overview">
        <Mark />
        <span className="text-base font-semibold tracking-tight">EasyFlow</span>
      </Link>
      <div className="flex justify-around pb-[env(safe-area-inset-bottom)] md:mt-1 md:flex-col md:gap-0.5 md:px-2">
        {PLACES.map((place) => <NavigationLink key={place.to} place={place} />)}
      </div>
    </nav>
  );
}

function NavigationLink({ place: { to, label, icon: Icon } }: { place: Place }) {
  return (
    <Link
      to={to}
      activeOptions={{ exact: to === "/", includeSearch: false }}
      className="relative flex min-w-0 flex-1 flex-col items-center gap-0.5 rounded-md px-0.5 py-1.5 text-[0.625rem] font-medium text-ink-2 hover:text-ink aria-[current=page]:text-accent md:flex-none md:flex-row md:gap-2.5 md:px-2 md:text-sm md:hover:bg-hover md:aria-[current=page]:bg-line/70 md:aria-[current=page]:text-ink"
    >
      <Icon className="size-4.5 shrink-0 md:size-4" strokeWidth={1.75} aria-hidden />
      <span className="max-w-full truncate">{label}</span>
      {to === "/dead-letters" ? <OpenCount /> : null}
    </Link>
  );
}

function OpenCount() {
  const open = useQuery(overviewQuery).data?.dead_letters_open;
  if (!open?.value) return null;
  return (
    <span className="absolute top-0.5 left-1/2 ml-1.5 rounded-full bg-red-soft px-1.5 text-[0.625rem] leading-4 font-semibold text-red md:static md:ml-auto md:text-xs md:leading-5">
      <span aria-hidden>{formatTotal(open)}</span>
      <span className="sr-only">, {countOf(open, "open dead letter")}</span>
    </span>
  );
}

function Mark() {
  return (
    <svg viewBox="0 0 32 32" className="size-6" aria-hidden>
      <rect width="32" height="32" rx="8" className="fill-accent" />
      <path d="M8 10h9a4.5 4.5 0 0 1 0 9h-2M8 16h6M8 22h16" fill="none" strokeWidth="2.6" strokeLinecap="round" strokeLinejoin="round" className="stroke-accent-ink" />
    </svg>
  );
}
