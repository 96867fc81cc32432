// What this person prefers, kept by the browser: theme and time zone.
import { createStore, type Store } from "@/lib/store";
import type { Zone } from "@/lib/time";

export type Theme = "system" | "light" | "dark";

export const theme = kept<Theme>("easyflow.theme", "system", ["system", "light", "dark"]);
export const zone = kept<Zone>("easyflow.zone", "local", ["local", "utc"]);

/** What the page shows now; follows the system where the person did not choose. */
export const shownTheme = createStore<"light" | "dark">("light");

/** Keep the page's theme in step with the choice and with the system. */
export function followTheme(): void {
  const system = matchMedia("(prefers-color-scheme: dark)");
  const apply = () => {
    const wish = theme.get();
    shownTheme.set(wish === "system" ? (system.matches ? "dark" : "light") : wish);
    document.documentElement.dataset.theme = shownTheme.get();
  };
  apply();
  theme.subscribe(apply);
  system.addEventListener("change", apply);
}

function kept<T extends string>(key: string, fallback: T, allowed: readonly T[]): Store<T> {
  const store = createStore<T>(read(key, allowed) ?? fallback);
  store.subscribe(() => {
    try {
      localStorage.setItem(key, store.get());
    } catch {
      // A browser that keeps nothing still shows what was chosen until the page is closed.
    }
  });
  return store;
}

function read<T extends string>(key: string, allowed: readonly T[]): T | undefined {
  try {
    const value = localStorage.getItem(key);
    return allowed.find((each) => each === value);
  } catch {
    return undefined;
  }
}
