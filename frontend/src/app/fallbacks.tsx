// The pages for an address that does not exist and for a page that broke.
import { Link } from "@tanstack/react-router";
import { MapPinOff } from "lucide-react";

import { ErrorState } from "@/components/ui/ErrorState";
import { Page, Panel } from "@/components/ui/Page";
import { EmptyState } from "@/components/ui/States";

export function NotFoundPage() {
  return (
    <Page title="Not found">
      <Panel label="Not found">
        <EmptyState icon={MapPinOff} title="There is no such page">
          Check the address, paste an id into the search box above, or go to the{" "}
          <Link to="/" className="text-accent underline underline-offset-2">Overview</Link>.
        </EmptyState>
      </Panel>
    </Page>
  );
}

export function RouteErrorPage({ error, reset }: { error: unknown; reset: () => void }) {
  return (
    <Page title="Error">
      <Panel label="Error"><ErrorState error={error} onRetry={reset} /></Panel>
    </Page>
  );
}
