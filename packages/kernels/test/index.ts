/**
 * For tests outside of this package: memory, and how often properties are tried. Not published.
 */
export { propertyRuns } from "./property-runs.ts";
export { testMemory } from "./test-memory.ts";
