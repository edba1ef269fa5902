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
  #nodeCount = 0;

  /**
   * Takes over what the superblock says, once.
   *
   * @param nodeCount how many addresses there are: replicas and standbys. What the superblock makes of it is checked by
   * the start.
   */
  load(superblock: Pick<SuperBlock, "working" | "replica">, nodeCount: number): void {
    assert(!this.#loaded, "an identity is taken once");
    const { header, vsrState } = superblock.working;
    this.#loaded = true;
    this.#cluster = header.cluster;
    this.#replica = superblock.replica;
    this.#replicaCount = vsrState.replicaCount;
    this.#nodeCount = nodeCount;
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

  /** How many replicas and standbys there are. */
  get nodeCount(): number {
    assert(this.#loaded, "the superblock is not open");
    return this.#nodeCount;
  }

  /** How many nodes follow without a vote. Their indexes come after those of the replicas. */
  get standbyCount(): number {
    return this.nodeCount - this.replicaCount;
  }

  /** Whether this node follows without a vote. */
  get standby(): boolean {
    return this.replica >= this.replicaCount;
  }

  /** Whether this replica is alone in the vote: its own disk is every quorum. */
  get solo(): boolean {
    return this.replicaCount === 1 && !this.standby;
  }

  /** The index of the primary of the view. */
  primaryIndex(view: number): number {
    return view % this.replicaCount;
  }

  /** Whether this replica is the primary of the view. */
  primaryOf(view: number): boolean {
    return this.primaryIndex(view) === this.replica;
  }
}
