/**
 * A few of the replicas of a cluster, as a set of bits.
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import { REPLICAS_MAX } from "../config/derive.ts";

/** Which replicas: of those that vote, by their index. Begins empty. */
export class ReplicaSet {
  /** Bit i: replica i. */
  #bits = 0;

  /** How many there are. */
  get count(): number {
    let count = 0;
    for (let rest = this.#bits; rest !== 0; rest &= rest - 1) count += 1;
    return count;
  }

  /** Whether the replica is one of them. */
  has(replica: number): boolean {
    return (this.#bits & bit(replica)) !== 0;
  }

  /** Adds a replica, which may be in the set already. */
  add(replica: number): void {
    this.#bits |= bit(replica);
  }

  /** Removes a replica, if it is in the set. */
  remove(replica: number): void {
    this.#bits &= ~bit(replica);
  }

  /** Removes all but one replica, if that is in the set. */
  keepOnly(replica: number): void {
    this.#bits &= bit(replica);
  }

  /** Removes all. */
  clear(): void {
    this.#bits = 0;
  }
}

function bit(replica: number): number {
  assert(replica >= 0 && replica < REPLICAS_MAX, () => `replica ${replica} votes`);
  return 1 << replica;
}
