// The same acts from a terminal: as a command of EasyFlow and as a request with curl.
import { stringifyJson } from "@/lib/json";

export interface Act {
  verb: "replay" | "discard";
  jobId: string;
  seenVersion: number;
  reason: string;
  /** Only for a replay with another payload. */
  edited?: { payload: unknown };
}

/** One command of EasyFlow; asks nothing and is refused when the dead letter changed meanwhile. */
export function cliOf({ verb, jobId, seenVersion, reason, edited }: Act): string {
  const payload = edited ? ` \\\n  --payload ${quoted(stringifyJson(edited.payload))}` : "";
  return `easyflow dlq ${verb} ${jobId} \\\n  --seen-version ${seenVersion} --reason ${quoted(reason)}${payload}`;
}

/** One request to the API at `origin`; with a key set, it is read from the environment. */
export function curlOf({ verb, jobId, seenVersion, reason, edited }: Act, origin: string, secured: boolean): string {
  const body = stringifyJson({ reason, seen_version: seenVersion, ...edited });
  const key = secured ? '  -H "Authorization: Bearer $EASYFLOW_API_KEY" \\\n' : "";
  return `curl -sS ${quoted(`${origin}/api/v1/dead-letters/${jobId}/${verb}`)} \\\n${key}  -H "Content-Type: application/json" \\\n  -d ${quoted(body)}`;
}

/** A text as one word of a POSIX shell, whatever is in it. */
function quoted(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
