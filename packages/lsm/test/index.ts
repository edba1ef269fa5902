/**
 * For tests outside of this package: a forest on a grid in memory, recorded traces played on it, and a groove to try things
 * out on. Not published.
 */
export { ForestOnGrid } from "./forest-on-grid.ts";
export { smallSpill } from "./small-spill.ts";
export { TestGrid } from "./test-grid.ts";
export type { OnGrid, TestGridOptions, TestGridParts, TestStorage } from "./test-grid.ts";
export { TestForest } from "./test-forest.ts";
export type { TestCheckpoint, TestForestOptions } from "./test-forest.ts";
export { checkpointLine, TracePlayer, TraceWriter } from "./trace.ts";
export type { TraceCounts } from "./trace.ts";
export { readThing, THING_SIZE_BYTES, thingsGroove, writeThing } from "./things.ts";
export type { Thing } from "./things.ts";
