import { join } from "node:path";

import { defineConfig } from "vitest/config";
import type { ViteUserConfig } from "vitest/config";

/** The condition under which a workspace package resolves to its source instead of its build. */
const sourceCondition = "@stagbeetle/source";

const conditions: string[] = [sourceCondition, "module", "node", "development|production"];

/** What every package's `vitest.config.ts` re-exports. */
const shared: ViteUserConfig = defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    include: ["src/**/*.test.ts"],
    // A package without tests is legal while it is young; tools/boundaries checks that no test file is overlooked.
    passWithNoTests: true,
    maxWorkers: 2,
    // A test ends when it has ended: a busy machine must not turn a slow one into a failed one.
    testTimeout: 300_000,
    hookTimeout: 300_000,
    // Node resolves what vite leaves to it (and what a test starts as a worker) under the same condition.
    execArgv: [`--conditions=${sourceCondition}`],
    // Programs that tests start from their sources, hundreds of them, need not be compiled each time.
    env: { NODE_COMPILE_CACHE: join(import.meta.dirname, "node_modules", ".cache", "node-compile") },
  },
});

export default shared;
