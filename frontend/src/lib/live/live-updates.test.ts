import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { staleKeys, TOPICS, type Topic } from "@/lib/api/keys";
import { GATHER_MILLISECONDS, type LiveStatus, LiveUpdates, POLL_MILLISECONDS, type Stream } from "@/lib/live/live-updates";

class FakeStream implements Stream {
  readyState = 1;
  private listeners = new Map<string, (event: MessageEvent<string>) => void>();

  addEventListener(kind: string, listener: (event: MessageEvent<string>) => void): void {
    this.listeners.set(kind, listener);
  }

  close(): void {
    this.readyState = 2;
  }

  say(kind: string, data: unknown = {}): void {
    this.listeners.get(kind)?.(new MessageEvent(kind, { data: JSON.stringify(data) }));
  }

  refuse(): void {
    this.readyState = 2;
    this.say("error");
  }
}

let streams: FakeStream[];
let told: Topic[][];
let status: LiveStatus;
let updates: LiveUpdates;
const stream = () => streams.at(-1) as FakeStream;
const gather = () => vi.advanceTimersByTime(GATHER_MILLISECONDS);
const greet = () => {
  stream().say("hello");
  gather();
  told = [];
};

beforeEach(() => {
  vi.useFakeTimers();
  streams = [];
  told = [];
  updates = new LiveUpdates({
    open: () => {
      streams.push(new FakeStream());
      return stream();
    },
    onStale: (topics) => told.push(topics),
    onStatus: (next) => {
      status = next;
    },
  });
  updates.start();
});

afterEach(() => {
  updates.stop();
  vi.useRealTimers();
});

describe("live updates", () => {
  it("looks at everything again when it begins to hear: what changed before was told to nobody", () => {
    stream().say("hello");
    gather();
    expect(told).toEqual([[...TOPICS]]);
  });

  it("gathers a burst of changes into one, each topic once", () => {
    greet();
    stream().say("changed", { topics: ["jobs"] });
    stream().say("changed", { topics: ["queues", "jobs", "unknown"] });
    expect(told).toEqual([]);
    gather();
    expect(told).toEqual([["jobs", "queues"]]);
    expect(status).toEqual({ state: "live", reason: null });
  });

  it("takes a change it cannot read for a change of everything", () => {
    stream().say("changed", "nonsense");
    gather();
    expect(told).toEqual([[...TOPICS]]);
  });

  it("polls everything while the stream is cut, and catches up once when it is back", () => {
    greet();
    stream().say("error");
    expect(status.state).toBe("polling");
    expect(status.reason).toContain("cut");
    vi.advanceTimersByTime(2 * POLL_MILLISECONDS + GATHER_MILLISECONDS);
    expect(told).toEqual([[...TOPICS], [...TOPICS]]);
    stream().say("hello");
    gather();
    expect(told).toHaveLength(3);
    expect(status.state).toBe("live");
    vi.advanceTimersByTime(3 * POLL_MILLISECONDS);
    expect(told).toHaveLength(3);
    expect(streams).toHaveLength(1);
  });

  it("opens a new stream after a refusal, which the browser would not try again", () => {
    stream().refuse();
    vi.advanceTimersByTime(POLL_MILLISECONDS);
    expect(streams).toHaveLength(2);
    stream().say("hello");
    expect(status.state).toBe("live");
  });

  it("polls while the server says its own feed is degraded, until it says otherwise", () => {
    greet();
    stream().say("degraded", { polling: true });
    expect(status.state).toBe("polling");
    vi.advanceTimersByTime(POLL_MILLISECONDS + GATHER_MILLISECONDS);
    expect(told).toHaveLength(1);
    stream().say("changed", { topics: ["jobs"] });
    expect(status.state).toBe("live");
  });

  it("keeps still while something is held, and tells once when the last hold is gone", () => {
    const [dialog, selection] = [updates.hold(), updates.hold()];
    stream().say("changed", { topics: ["jobs"] });
    dialog();
    dialog();
    vi.advanceTimersByTime(60_000);
    expect(told).toEqual([]);
    selection();
    gather();
    expect(told).toEqual([["jobs"]]);
  });

  it("closes the stream while nobody looks, and asks for everything on return", () => {
    const first = stream();
    updates.setVisible(false);
    expect(first.readyState).toBe(2);
    first.say("changed", { topics: ["jobs"] });
    vi.advanceTimersByTime(60_000);
    expect(told).toEqual([]);
    updates.setVisible(true);
    gather();
    expect(streams).toHaveLength(2);
    expect(told).toEqual([[...TOPICS]]);
  });

  it("makes each cache key stale once, however many topics share it", () => {
    expect(staleKeys(["jobs", "dead-letters"])).toEqual([["jobs"], ["overview"], ["dead-letters"]]);
  });
});
