import { execFileSync } from "node:child_process";
import { describe, expect, it } from "vitest";

import { listCurl, showCommand, submitCurl } from "./commands";
import { jobWith } from "@/testing/job";
import { parseJson } from "@/lib/json";

const ORIGIN = "http://localhost:3000";

/** What a shell hands to curl: its arguments, then its input. */
function heard(command: string): string {
  return execFileSync("sh", ["-c", `curl() { printf '%s\\n' "$@"; cat; }\n${command}`], { encoding: "utf8", input: "" });
}

describe("a command to take away", () => {
  it("asks for the same list, whatever the filter holds", () => {
    expect(listCurl(ORIGIN, false, {})).toBe("curl -sS \\\n  'http://localhost:3000/api/v1/jobs'");
    const command = listCurl(ORIGIN, false, { state: "FAILED", tag: "it's $HOME & more" });
    expect(heard(command)).toBe("-sS\nhttp://localhost:3000/api/v1/jobs?state=FAILED&tag=it%27s+%24HOME+%26+more\n");
  });

  it("submits the same job with every digit and every quote", () => {
    const payload = parseJson(`{"id":12345678901234567890,"text":"it's $(whoami) \\"quoted\\" \\\\n"}`);
    const said = heard(submitCurl(ORIGIN, false, jobWith({ payload, tags: ["shop"], ordering_key: "customer-7" })));
    const [, body] = said.split("--data-binary\n@-\n");
    expect(body).toBe(`{"task":"demo.echo","payload":{"id":12345678901234567890,"text":"it's $(whoami) \\"quoted\\" \\\\n"},"queue":"default","ordering_key":"customer-7","tags":["shop"]}\n`);
  });

  it("keeps a payload that is empty or nothing, and says no option that was not given", () => {
    expect(submitCurl(ORIGIN, false, jobWith({ payload: null }))).toContain('{"task":"demo.echo","payload":null,"queue":"default"}');
    expect(submitCurl(ORIGIN, false, jobWith({ payload: "" }))).toContain('"payload":""');
  });

  it("takes the key from the environment, and only where one is needed", () => {
    expect(submitCurl(ORIGIN, true, jobWith({}))).toContain('-H "Authorization: Bearer $EASYFLOW_API_KEY"');
    expect(listCurl(ORIGIN, false, {})).not.toContain("Authorization");
  });

  it("shows a job in the terminal", () => {
    expect(showCommand("01a2")).toBe("easyflow jobs show 01a2");
  });
});
