// @vitest-environment jsdom
import { describe, expect, it } from "vitest";

import { sendOnce } from "@/lib/api/acts";
import { answered, api } from "@/lib/api/client";
import { ApiError, unreachable } from "@/lib/api/errors";

const refused = new ApiError({ status: 409, code: "stale_version", title: "Stale", detail: "someone was faster" });
const inFlight = new ApiError({ status: 409, code: "in_flight", title: "Busy", detail: "the first one is under way" });

async function keysOf(words: object, ...outcomes: (ApiError | null)[]): Promise<string[]> {
  const sent: string[] = [];
  for (const outcome of outcomes) {
    const send = async (headers: { "Idempotency-Key": string }) => {
      sent.push(headers["Idempotency-Key"]);
      if (outcome) throw outcome;
      return "done";
    };
    await sendOnce(words, send).catch((error: unknown) => expect(error).toBe(outcome));
  }
  return sent;
}

describe("acts that name the version they saw", () => {
  it("keep their key until they are answered", async () => {
    const keys = await keysOf({ verb: "replay", seenVersion: 1 }, unreachable(), inFlight, null, null);
    expect(new Set(keys.slice(0, 3)).size).toBe(1);
    expect(keys[3]).not.toBe(keys[0]);
  });

  it("get another key once they were refused", async () => {
    const [first, second] = await keysOf({ verb: "discard", seenVersion: 1 }, refused, null);
    expect(second).not.toBe(first);
  });

  it("with other words are other acts", async () => {
    const [first] = await keysOf({ verb: "replay", seenVersion: 2 }, unreachable());
    const [second] = await keysOf({ verb: "replay", seenVersion: 3 }, unreachable());
    expect(second).not.toBe(first);
  });
});

describe("requests", () => {
  it("that change something carry a key of their own, and those that read carry none", async () => {
    const sent: (string | null)[] = [];
    const fetch = async (request: Request) => {
      sent.push(request.headers.get("Idempotency-Key"));
      return new Response("{}", { status: 200, headers: { "content-type": "application/json" } });
    };
    const params = { path: { name: "letters" } };
    await answered(api.PATCH("/api/v1/queues/{name}", { params, body: { paused: true }, fetch }));
    await answered(api.PATCH("/api/v1/queues/{name}", { params, body: { paused: true }, fetch }));
    await answered(api.POST("/api/v1/jobs", { body: { task: "t", payload: {} }, headers: { "Idempotency-Key": "mine" }, fetch }));
    await answered(api.GET("/api/v1/queues", { fetch }));
    expect(sent[0]).toMatch(/^[0-9a-f-]{32,36}$/);
    expect(sent[1]).not.toBe(sent[0]);
    expect(sent.slice(2)).toEqual(["mine", null]);
  });
});
