// Asking once for the key of this installation; afterwards the page continues where the person was.
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { KeyRound } from "lucide-react";
import { useEffect, useState } from "react";

import { Button } from "@/components/ui/Button";
import { ErrorNote } from "@/components/ui/ErrorState";
import { TextField } from "@/components/ui/Field";
import { ApiError } from "@/lib/api/errors";
import { keys } from "@/lib/api/keys";
import { signIn } from "@/lib/api/session";

export function SignInPage() {
  const client = useQueryClient();
  const [key, setKey] = useState("");
  const enter = useMutation({
    mutationFn: signIn,
    onSuccess: (session) => {
      // What was refused before is asked again; the address has not changed.
      client.removeQueries({ predicate: (query) => query.queryKey[0] !== keys.session[0] });
      client.setQueryData(keys.session, session);
    },
  });
  useEffect(() => {
    document.title = "Sign in · EasyFlow";
  }, []);
  const wrong = enter.error instanceof ApiError && enter.error.status === 401;
  return (
    <main className="grid min-h-dvh place-items-center p-4">
      <form
        className="w-full max-w-sm space-y-4 rounded-xl border bg-surface p-6 shadow-float"
        onSubmit={(event) => {
          event.preventDefault();
          if (key.trim() && !enter.isPending) enter.mutate(key.trim());
        }}
      >
        <div className="space-y-1">
          <KeyRound className="size-5 text-accent" aria-hidden />
          <h1 className="text-lg font-semibold">Sign in to EasyFlow</h1>
          <p className="text-ink-2">Enter the key of this installation, the value of <code className="mono">EASYFLOW_API_KEY</code>.</p>
        </div>
        <TextField
          label="Key"
          type="password"
          autoComplete="current-password"
          autoFocus
          value={key}
          onChange={(event) => setKey(event.target.value)}
          problem={wrong ? "This is not the key. Check for missing characters and try again." : null}
        />
        {enter.error && !wrong ? <ErrorNote error={enter.error} /> : null}
        <Button type="submit" kind="primary" className="w-full" loading={enter.isPending} disabledReason={key.trim() ? null : "Enter the key first."}>
          Sign in
        </Button>
      </form>
    </main>
  );
}
