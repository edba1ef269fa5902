/**
 * The suites that are run, in the order of their names. A suite lives in a file of its own and is listed here.
 */
import type { Suite } from "./suite.ts";

/** Every suite there is. */
export const suites: readonly Suite[] = [];
