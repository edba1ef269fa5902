import type { ViteUserConfig } from "vitest/config";
import shared from "../../vitest.shared.ts";

/** Real files, sockets and processes: on a busy machine they take a while, which is not a failure. */
const config: ViteUserConfig = { ...shared, test: { ...shared.test, testTimeout: 60_000 } };

export default config;
