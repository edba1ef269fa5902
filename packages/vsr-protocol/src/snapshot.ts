/**
 * Snapshots: which tables a reader sees (spec 03 §2.3, §16.4).
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";

/**
 * The snapshot that sees everything committed up to and including `op`.
 *
 * A table with `snapshot_min = s` was written during the commit of an op below `s`.
 */
export function snapshotReadableAtCommit(op: number): number {
  assert(Number.isSafeInteger(op) && op >= 0, () => `not an op: ${op}`);
  return op + 1;
}
