// One clock for the whole page: components that show an age follow it, and it rests while nobody looks.
import { useSyncExternalStore } from "react";

const listeners = new Set<() => void>();
let timer: ReturnType<typeof setInterval> | undefined;

/** Follow a text or number computed from the present; renders only when the result changes. */
export function useClock<T extends string | number | boolean | null>(compute: (now: number) => T): T {
  return useSyncExternalStore(follow, () => compute(Math.floor(Date.now() / 1000) * 1000));
}

function follow(listener: () => void): () => void {
  listeners.add(listener);
  timer ??= setInterval(tick, 1000);
  return () => {
    listeners.delete(listener);
    if (listeners.size === 0) {
      clearInterval(timer);
      timer = undefined;
    }
  };
}

function tick(): void {
  if (document.visibilityState === "hidden") return;
  for (const listener of [...listeners]) listener();
}
