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
  },
});

export default shared;
