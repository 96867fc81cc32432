import { describe, expect, it } from "vitest";

import { cancelOf, historyItem, stopAsked } from "./events";
import { jobWith } from "@/testing/job";
import type { JobEvent } from "@/lib/api/types";

const event = (kind: string, facts: Partial<JobEvent> = {}): JobEvent => ({ at: "2026-11-23T12:00:00Z", kind, actor: null, reason: null, detail: null, ...facts });

describe("a job's history", () => {
  it("tells acts and ends of attempts in words", () => {
    expect(historyItem(event("submitted")).words).toBe("Submitted");
    expect(historyItem(event("claimed", { detail: { lease_no: 2, executor_id: "x" } })).words).toBe("Attempt 2 claimed");
    expect(historyItem(event("retried", { detail: { lease_no: 2, error_type: "app.Gone", error_message: "no" } }))).toMatchObject({ words: "Attempt 2 failed, retried", detail: "Gone: no" });
    expect(historyItem(event("unstarted", { detail: { lease_no: 3, error_type: "Lost" } }))).toMatchObject({ words: "Attempt 3 never started", detail: "Lost" });
    expect(historyItem(event("cancelled", { actor: "api" })).words).toBe("Cancelled");
    expect(historyItem(event("in_doubt", { detail: { lease_no: 2 } })).words).toBe("Attempt 2 in doubt");
    expect(historyItem(event("in doubt", { actor: "engine" })).words).toBe("Set aside, in doubt");
    expect(historyItem(event("settled", { detail: { outcome: "happened", complete: true } })).words).toBe("Settled: it happened, and completed");
    expect(historyItem(event("settled", { detail: { outcome: "did_not_happen", complete: false } })).words).toBe("Settled: it did not happen");
    expect(historyItem(event("something new")).words).toBe("something new");
  });

  it("knows whether the running attempt was asked to stop, and not an earlier one", () => {
    const running = jobWith({ state: "RUNNING" });
    expect(stopAsked(running, [event("claimed"), event("cancel requested")])?.kind).toBe("cancel requested");
    expect(stopAsked(running, [event("claimed"), event("cancel requested"), event("claimed")])).toBeNull();
    expect(stopAsked(jobWith({ state: "CANCELLED" }), [event("cancel requested")])).toBeNull();
    expect(stopAsked(running, undefined)).toBeNull();
  });

  it("finds who cancelled a job: the act, not the end of the attempt", () => {
    const asked = event("cancel requested", { actor: "api", reason: "wrong customer" });
    expect(cancelOf([event("claimed"), asked, event("cancelled", { detail: { lease_no: 1 } })])).toBe(asked);
    expect(cancelOf([event("submitted"), event("cancelled", { actor: "cli" })])?.actor).toBe("cli");
    expect(cancelOf(undefined)).toBeNull();
  });
});
