/**
 * For tests outside of this package: the disk under a grid, in memory. Not published.
 */
export { MemoryStorage } from "./memory-storage.ts";
