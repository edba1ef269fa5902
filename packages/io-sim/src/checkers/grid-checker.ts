/**
 * That a block has one content in a checkpoint, on all replicas (spec 07 §12.2): what a checkpoint needs is not written over
 * while a replica that lags may still have to fetch it.
 *
 * @module
 */
import type { Block } from "@stagbeetle/grid";
import { assert, checksumOf } from "@stagbeetle/kernels";
import { recordBytes } from "@stagbeetle/vsr-protocol";

import type { Machine } from "../cluster/machine.ts";

/** Of so many checkpoints, the newest that anyone was at, contents are remembered: a replica that lags further is not checked. */
const CHECKPOINTS_MAX = 64;

/** What blocks hold at a checkpoint, and whether that was known to be on a quorum then. */
interface Moment {
  readonly checkpointId: bigint;
  readonly durable: boolean;
}

/** Is told of all blocks that replicas read and write. Throws an AssertionError where two of them differ. */
export class GridChecker {
  /** By checkpoint: checksums by address and durability. */
  readonly #checkpoints: Map<bigint, Map<number, bigint>> = new Map();
  #comparisons = 0;

  /** How often a block was found to be what it was before, or is elsewhere. */
  get comparisons(): number {
    return this.#comparisons;
  }

  /** A replica has a block, of its checkpoint or of the next one, at an address. */
  check(machine: Machine, { header }: Block): void {
    const { index, superblock, store } = machine;
    assert(store !== null, () => `replica ${index} has no store`);
    const { address, checksum } = header;
    const { freeSet } = store.grid;
    assert(!freeSet.isFree(address), () => `replica ${index} uses block ${address}, which is free`);
    const { id, parentId } = superblock.checkpointIds;
    const who = `replica ${index}: block ${address}`;
    this.#assertCoherent(who, { checkpointId: id, durable: freeSet.checkpointDurable }, address, checksum);
    if (!freeSet.checkpointDurable) {
      // Freed only when this checkpoint is durable, so it cannot have been written since.
      const before = this.#checkpoints.get(parentId)?.get(keyOf(address, true));
      assert(before === undefined || before === checksum, () => `${who} is not that of the checkpoint before`);
    }
    const staging = stagingId(machine);
    if (staging === null) return;
    assert(freeSet.checkpointDurable, () => `replica ${index} writes a checkpoint before its own is durable`);
    this.#assertCoherent(who, { checkpointId: staging, durable: false }, address, checksum);
  }

  #assertCoherent(who: string, { checkpointId, durable }: Moment, address: number, checksum: bigint): void {
    const blocks = this.#blocksOf(checkpointId);
    const key = keyOf(address, durable);
    const before = blocks.get(key);
    if (before === undefined) {
      blocks.set(key, checksum);
      return;
    }
    assert(before === checksum, () => `${who} was another one at the same checkpoint`);
    this.#comparisons += 1;
  }

  #blocksOf(checkpointId: bigint): Map<number, bigint> {
    const known = this.#checkpoints.get(checkpointId);
    if (known !== undefined) return known;
    const blocks = new Map<number, bigint>();
    this.#checkpoints.set(checkpointId, blocks);
    const [oldest] = this.#checkpoints.keys();
    if (this.#checkpoints.size > CHECKPOINTS_MAX && oldest !== undefined) this.#checkpoints.delete(oldest);
    return blocks;
  }
}

function keyOf(address: number, durable: boolean): number {
  return address * 2 + (durable ? 1 : 0);
}

/** The id of the checkpoint that is being written on top of the one that is durable; null if none is. */
function stagingId({ superblock }: Machine): bigint | null {
  const { working, staging } = superblock;
  if (staging.checkpointHeader.op === working.checkpointHeader.op) return null;
  return checksumOf(recordBytes(staging.checkpoint));
}
