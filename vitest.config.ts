import { defineConfig } from "vitest/config";
import type { ViteUserConfig } from "vitest/config";

/** All packages in one process, for `pnpm dev` and editors; `pnpm test` runs them package by package, cached. */
const everything: ViteUserConfig = defineConfig({
  test: { projects: ["packages/*", "apps/*", "tools/*"], maxWorkers: 2 },
});

export default everything;
