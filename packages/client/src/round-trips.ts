/**
 * How long messages take to each replica and back (spec 01 §10.5).
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";

/** The newest measurement of each replica. */
export class RoundTrips {
  /** In nanoseconds, by replica; null while unknown. */
  readonly #newestNs: (bigint | null)[];

  constructor(replicaCount: number) {
    assert(replicaCount > 0, () => `${replicaCount} replicas`);
    this.#newestNs = Array.from({ length: replicaCount }, () => null);
  }

  /**
   * Takes a ping's way to `replica` and back, between two readings of this process's monotonic clock in nanoseconds.
   *
   * @returns the median over all measured replicas in nanoseconds, or null if the ping claims to come from the future.
   */
  learn(replica: number, sentNs: bigint, receivedNs: bigint): bigint | null {
    assert(replica >= 0 && replica < this.#newestNs.length, () => `replica ${replica} of ${this.#newestNs.length}`);
    if (sentNs > receivedNs) return null;
    this.#newestNs[replica] = receivedNs - sentNs;
    const known = this.#newestNs.filter((value) => value !== null).toSorted((a, b) => (a < b ? -1 : a > b ? 1 : 0));
    return known[Math.floor(known.length / 2)] ?? null;
  }
}
