// Newer and Older: walking a list page by page, the place kept in the URL.
import { ChevronLeft, ChevronRight } from "lucide-react";

import { Button } from "@/components/ui/Button";
import type { Total } from "@/lib/api/types";
import { countOf } from "@/lib/numbers";
import { newerPage, olderPage, type PageSearch } from "@/lib/search";

interface PaginationProps {
  search: PageSearch;
  nextCursor: string | null | undefined;
  total?: Total;
  /** What is counted: "job". */
  noun: string;
  onChange: (page: PageSearch) => void;
}

/** The foot of a list: how many there are, and the way to newer and older ones. */
export function Pagination({ search, nextCursor, total, noun, onChange }: PaginationProps) {
  return (
    <nav aria-label="Pages" className="flex items-center justify-between gap-2 border-t px-4 py-2 text-ink-2">
      <span>{total ? countOf(total, noun) : ""}</span>
      <span className="flex gap-2">
        <Button size="small" icon={<ChevronLeft aria-hidden />} disabledReason={search.cursor ? null : "These are the newest."} onClick={() => onChange(newerPage(search))}>Newer</Button>
        <Button size="small" disabledReason={nextCursor ? null : "There are no older ones."} onClick={() => nextCursor && onChange(olderPage(search, nextCursor))}>
          Older<ChevronRight aria-hidden />
        </Button>
      </span>
    </nav>
  );
}
