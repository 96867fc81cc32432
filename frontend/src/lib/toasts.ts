// Notes for the person, from anywhere in the page.
import { ApiError, messageOf } from "@/lib/api/errors";
import { createStore } from "@/lib/store";

export interface ToastNote {
  id: number;
  title: string;
  detail?: string;
  tone: "good" | "bad";
}

export const toasts = createStore<readonly ToastNote[]>([]);
let latest = 0;

/** Say that an act was done. */
export function toastDone(title: string, detail?: string): void {
  add({ title, detail, tone: "good" });
}

/** Say that an act was not done, and why. */
export function toastFailed(title: string, error: unknown): void {
  const id = error instanceof ApiError && error.requestId ? ` (request ${error.requestId})` : "";
  add({ title, detail: messageOf(error) + id, tone: "bad" });
}

/** Take a note away. */
export function dismissToast(id: number): void {
  toasts.set(toasts.get().filter((note) => note.id !== id));
}

function add(note: Omit<ToastNote, "id">): void {
  latest += 1;
  toasts.set([...toasts.get(), { ...note, id: latest }].slice(-4));
}
