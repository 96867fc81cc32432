// One query's way onto the page: grey lines, then the content; an error only where there is nothing older to show.
import type { UseQueryResult } from "@tanstack/react-query";
import type { ReactNode } from "react";

import { ErrorState } from "@/components/ui/ErrorState";
import { SkeletonLines } from "@/components/ui/States";

/** Show `children` with the data of `query`; old data stays while newer cannot be had, the top bar says so. */
export function Loaded<T>({ query, children, skeleton }: { query: UseQueryResult<T>; children: (data: T) => ReactNode; skeleton?: ReactNode }) {
  if (query.data !== undefined) return children(query.data);
  if (query.error) return <ErrorState error={query.error} onRetry={() => void query.refetch()} />;
  return skeleton ?? <SkeletonLines />;
}
