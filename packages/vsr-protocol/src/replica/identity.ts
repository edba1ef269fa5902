/**
 * Who a replica is: what its data file says and never changes.
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import type { SuperBlock } from "../superblock/superblock.ts";

/** Known from the moment the superblock is open. */
export class Identity {
  #loaded = false;
  #cluster = 0n;
  #replica = 0;
  #replicaCount = 0;

  /** Takes over what the superblock says, once. */
  load(superblock: SuperBlock): void {
    assert(!this.#loaded, "an identity is taken once");
    const { header, vsrState } = superblock.working;
    this.#loaded = true;
    this.#cluster = header.cluster;
    this.#replica = superblock.replica;
    this.#replicaCount = vsrState.replicaCount;
  }

  /** Whether the superblock is open. */
  get loaded(): boolean {
    return this.#loaded;
  }

  /** The cluster's id (u128). */
  get cluster(): bigint {
    assert(this.#loaded, "the superblock is not open");
    return this.#cluster;
  }

  /** The replica's own index. */
  get replica(): number {
    assert(this.#loaded, "the superblock is not open");
    return this.#replica;
  }

  /** How many replicas vote. */
  get replicaCount(): number {
    assert(this.#loaded, "the superblock is not open");
    return this.#replicaCount;
  }

  /** Whether this replica is the primary of the view. */
  primaryOf(view: number): boolean {
    assert(this.#loaded, "the superblock is not open");
    return view % this.#replicaCount === this.#replica;
  }
}
