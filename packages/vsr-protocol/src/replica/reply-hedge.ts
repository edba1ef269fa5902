/**
 * Which replicas answer a client: the primary, and one backup in case the primary does not reach the client (spec 03 §16.8).
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import { Random } from "../random.ts";

/**
 * How many places after the primary the backup is in the ring that also sends the reply to `op`: 1 to `replicaCount` − 1.
 * All replicas draw the same number.
 */
export function hedgeOffset(op: number, replicaCount: number): number {
  assert(replicaCount > 1, "a replica that is alone has no backup");
  return 1 + new Random(op).intInclusive(8, replicaCount - 2);
}

/** Whether `replica` answers the client of `op`. Standbys never do. */
export function answers(op: number, replica: number, primary: number, replicaCount: number): boolean {
  assert(primary < replicaCount, () => `primary ${primary} of ${replicaCount}`);
  if (replica === primary) return true;
  if (replica >= replicaCount || replicaCount === 1) return false;
  return replica === (primary + hedgeOffset(op, replicaCount)) % replicaCount;
}
