// Walking a table with the keyboard: j and k move between rows, x selects; Enter opens because a link has the focus.
import { type RefObject, useEffect, useRef } from "react";

import { isTyping } from "@/lib/shortcuts";

/** Let j and k move the focus over the rows' links in `body`, and x call `onToggle` with the row's id. */
export function useRowKeys(body: RefObject<HTMLTableSectionElement | null>, onToggle: (id: string) => void): void {
  const toggle = useRef(onToggle);
  useEffect(() => {
    toggle.current = onToggle;
  });
  useEffect(() => {
    const listen = (event: KeyboardEvent) => {
      if (!body.current || event.defaultPrevented || isTyping(event)) return;
      if (event.key === "j" || event.key === "k") {
        const links = [...body.current.querySelectorAll<HTMLElement>("[data-row-link]")];
        const here = links.findIndex((link) => link.closest("tr")?.contains(document.activeElement));
        const next = here < 0 ? 0 : here + (event.key === "j" ? 1 : -1);
        links[Math.max(0, Math.min(next, links.length - 1))]?.focus();
      } else if (event.key === "x") {
        const row = document.activeElement?.closest<HTMLElement>("tr[data-row-id]");
        if (row && body.current.contains(row) && row.dataset.rowId) toggle.current(row.dataset.rowId);
      } else return;
      event.preventDefault();
    };
    document.addEventListener("keydown", listen);
    return () => document.removeEventListener("keydown", listen);
  }, [body]);
}
