// The tests of the pure parts; pages are proven in a browser against a real stack.
import { fileURLToPath } from "node:url";

import { defineConfig } from "vitest/config";

// Before the first test thread starts: the zone is read once per process.
process.env.TZ = "Europe/Madrid";

export default defineConfig({
  resolve: { alias: { "@": fileURLToPath(new URL("./src", import.meta.url)) } },
  test: {
    // Most tests need no page; those that do say so in their first line, for a page costs seconds to set up.
    environment: "node",
    include: ["src/**/*.test.{ts,tsx}"],
    pool: "threads",
    restoreMocks: true,
  },
});
