// The names under which answers are cached, and which of them a live topic makes stale.

export type Topic = "jobs" | "dead-letters" | "queues" | "workers";

export const TOPICS: readonly Topic[] = ["jobs", "dead-letters", "queues", "workers"];

export const keys = {
  session: ["session"] as const,
  overview: ["overview"] as const,
  jobs: {
    all: ["jobs"] as const,
    list: (search: object) => ["jobs", "list", search] as const,
    detail: (id: string) => ["jobs", "detail", id] as const,
    events: (id: string) => ["jobs", "events", id] as const,
  },
  deadLetters: {
    all: ["dead-letters"] as const,
    list: (search: object) => ["dead-letters", "list", search] as const,
    detail: (id: string) => ["dead-letters", "detail", id] as const,
  },
  queues: ["queues"] as const,
  workers: ["workers"] as const,
  tasks: ["tasks"] as const,
  lookup: (text: string) => ["lookup", text] as const,
  demo: ["jobs", "demo"] as const,
};

const STALE: Record<Topic, readonly (readonly string[])[]> = {
  jobs: [keys.jobs.all, keys.overview],
  "dead-letters": [keys.deadLetters.all, keys.overview],
  queues: [keys.queues, keys.overview],
  workers: [keys.workers, keys.tasks, keys.overview],
};

/** The cache keys that these topics make stale, each once. */
export function staleKeys(topics: Iterable<Topic>): (readonly string[])[] {
  return [...new Set([...topics].flatMap((topic) => STALE[topic] ?? []))];
}
