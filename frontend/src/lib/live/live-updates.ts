// Live updates without React: listens to the event stream, gathers topics, and polls while the stream is away.
import { TOPICS, type Topic } from "@/lib/api/keys";

export type LiveState = "connecting" | "live" | "polling";

export interface LiveStatus {
  state: LiveState;
  /** Why the page polls, in one sentence; null while it does not. */
  reason: string | null;
}

/** The part of EventSource that is used, so that tests can give another. */
export interface Stream {
  readonly readyState: number;
  addEventListener: (kind: string, listener: (event: MessageEvent<string>) => void) => void;
  close: () => void;
}

interface Options {
  open: () => Stream;
  onStale: (topics: Topic[]) => void;
  onStatus: (status: LiveStatus) => void;
}

export const POLL_MILLISECONDS = 5_000;
export const GATHER_MILLISECONDS = 250;
const CLOSED = 2;

/**
 * Tells which topics are stale, at most every 250 ms; every topic each 5 s while the stream is away.
 *
 * While it is held (a dialog is open, rows are selected) it gathers and tells on release; while the page is hidden it
 * closes the stream, and tells every topic when the page is seen again.
 */
export class LiveUpdates {
  private readonly options: Options;
  private stream: Stream | null = null;
  private stale = new Set<Topic>();
  private holds = 0;
  private gathering: ReturnType<typeof setTimeout> | undefined;
  private polling: ReturnType<typeof setInterval> | undefined;

  constructor(options: Options) {
    this.options = options;
  }

  start(): void {
    if (this.stream) return;
    this.options.onStatus({ state: this.polling ? "polling" : "connecting", reason: this.polling ? CUT : null });
    this.connect();
  }

  /** Close the stream and all timers; `start` begins anew. */
  stop(): void {
    this.stream?.close();
    this.stream = null;
    clearTimeout(this.gathering);
    clearInterval(this.polling);
    this.gathering = this.polling = undefined;
  }

  /** The page was hidden or is seen again. */
  setVisible(visible: boolean): void {
    if (!visible) return this.stop();
    if (this.stream) return;
    this.start();
    this.mark(TOPICS);
  }

  /** Keep still until the returned function is called; may be held several times. */
  hold(): () => void {
    this.holds += 1;
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      this.holds -= 1;
      this.schedule();
    };
  }

  private connect(): void {
    const stream = this.options.open();
    this.stream = stream;
    const heard = (kind: string, act: (data: unknown) => void) =>
      stream.addEventListener(kind, (event) => {
        if (this.stream === stream) act(parsed(event.data));
      });
    heard("hello", () => {
      this.recovered();
      // What changed between a page's first answers and now was told to nobody.
      this.mark(TOPICS);
    });
    heard("changed", (data) => {
      this.recovered();
      this.mark(topicsIn(data));
    });
    heard("degraded", () => this.poll(DEGRADED));
    heard("error", () => this.poll(CUT));
  }

  private recovered(): void {
    if (this.polling) {
      clearInterval(this.polling);
      this.polling = undefined;
      this.mark(TOPICS);
    }
    this.options.onStatus({ state: "live", reason: null });
  }

  private poll(reason: string): void {
    this.options.onStatus({ state: "polling", reason });
    this.polling ??= setInterval(() => {
      this.mark(TOPICS);
      // EventSource comes back by itself after a cut, but not after a refusal such as 502 or 401.
      if (this.stream?.readyState === CLOSED) this.connect();
    }, POLL_MILLISECONDS);
  }

  private mark(topics: readonly Topic[]): void {
    for (const topic of topics) this.stale.add(topic);
    this.schedule();
  }

  private schedule(): void {
    if (this.holds > 0 || this.stale.size === 0) return;
    this.gathering ??= setTimeout(() => {
      this.gathering = undefined;
      if (this.holds > 0) return;
      const topics = [...this.stale];
      this.stale.clear();
      this.options.onStale(topics);
    }, GATHER_MILLISECONDS);
  }
}

const CUT = "The live stream is cut; the page asks every 5 seconds.";
const DEGRADED = "The server lost its own live feed; the page asks every 5 seconds.";

function parsed(text: unknown): unknown {
  try {
    return JSON.parse(String(text));
  } catch {
    return null;
  }
}

function topicsIn(data: unknown): readonly Topic[] {
  if (!isObject(data) || !Array.isArray(data.topics)) return TOPICS;
  const named: unknown[] = data.topics;
  return TOPICS.filter((topic) => named.includes(topic));
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
