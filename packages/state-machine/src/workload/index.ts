/**
 * The accounting workload of the simulator. Exported as a namespace: `workload.AccountingWorkload`.
 *
 * @module
 */
export { AccountingWorkload } from "./workload.ts";
export { exponential } from "./exponential.ts";
export { drawWorkloadOptions } from "./options.ts";
export type { WorkloadOptions } from "./options.ts";
export { drawPermutation, idOfIndex, indexOfId } from "./permutation.ts";
export type { IdPermutation } from "./permutation.ts";
