/**
 * For tests and benchmarks outside of this package: a state machine on a grid in memory. Not published.
 */
export { accountingOnGrid, MachineOnGrid } from "./machine-on-grid.ts";
export type { MachineOnGridOptions } from "./machine-on-grid.ts";
