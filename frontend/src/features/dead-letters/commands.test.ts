import { execFileSync } from "node:child_process";

import { describe, expect, it } from "vitest";

import { cliOf, curlOf } from "./commands";
import { parseJson } from "@/lib/json";

const ACT = { verb: "replay", jobId: "01a2", seenVersion: 3, reason: "it's $HOME `now`" } as const;
const PAYLOAD = parseJson('{"id": 9007199254740993, "note": "a\\"b\'c"}');

/** What a shell makes of a command: one word per line. */
function words(command: string): string[] {
  return execFileSync("sh", ["-c", `set -- ${command}\nprintf '%s\\n' "$@"`], { encoding: "utf8", env: { EASYFLOW_API_KEY: "secret" } }).trimEnd().split("\n");
}

describe("commands to take away", () => {
  it("are read by a shell as they are meant, quotes and dollars included", () => {
    expect(words(cliOf({ ...ACT, edited: { payload: PAYLOAD } }))).toEqual([
      "easyflow", "dlq", "replay", "01a2", "--seen-version", "3", "--reason", ACT.reason, "--payload", '{"id":9007199254740993,"note":"a\\"b\'c"}',
    ]);
  });

  it("send no payload where none was edited, and the key only where one is needed", () => {
    const open = words(curlOf({ ...ACT, verb: "discard" }, "http://localhost:3000", false));
    expect(open).toEqual([
      "curl", "-sS", "http://localhost:3000/api/v1/dead-letters/01a2/discard", "-H", "Content-Type: application/json", "-d", '{"reason":"it\'s $HOME `now`","seen_version":3}',
    ]);
    expect(words(curlOf(ACT, "http://localhost:3000", true))).toContain("Authorization: Bearer secret");
  });
});
