/**
 * Reading blocks for other replicas (spec 03 §23.3): whatever the disk or the memory has, whether it is in use here or not.
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import type { BlockReference, Config } from "@stagbeetle/vsr-protocol";
import { Block, type BlockFault } from "./block.ts";
import { BlockRead, type BlockReadOptions } from "./block-reads.ts";

/** Takes header and body of the block, good during the call, or null if it is not here. */
export type ServedBlockCallback = (bytes: Uint8Array | null) => void;

/** One read, used again and again. */
class ServedRead {
  readonly read: BlockRead;
  callback: ServedBlockCallback | null = null;

  constructor(onRead: (served: ServedRead, result: Block | BlockFault) => void) {
    this.read = new BlockRead((_, result) => onRead(this, result));
  }
}

/** What the serving is made of. */
export interface BlockServingOptions {
  readonly config: Config;
  readonly readBlock: (read: BlockRead, options: BlockReadOptions) => void;
}

/** At most `grid_repair_reads_max` reads, so that other replicas do not keep this one from its own work. */
export class BlockServing {
  readonly #readBlock: (read: BlockRead, options: BlockReadOptions) => void;
  readonly #reads: readonly ServedRead[];
  #readsFree: ServedRead[];

  constructor({ config, readBlock }: BlockServingOptions) {
    this.#readBlock = readBlock;
    this.#reads = Array.from(
      { length: config.process.gridRepairReadsMax },
      () => new ServedRead((served, result) => this.#onRead(served, result)),
    );
    this.#readsFree = [...this.#reads];
  }

  /** How many reads can begin now. */
  get available(): number {
    return this.#readsFree.length;
  }

  /** Reads a block. One must be {@link available}. The callback never runs from inside the call. */
  read({ address, checksum }: BlockReference, callback: ServedBlockCallback): void {
    const served = this.#readsFree.pop();
    assert(served !== undefined, () => `all ${this.#reads.length} reads for other replicas are under way`);
    assert(served.callback === null, "a free read has no caller");
    served.callback = callback;
    this.#readBlock(served.read, { address, checksum, source: "localStorage", cacheRead: true, cacheWrite: false });
  }

  /** All reads were dropped. */
  reset(): void {
    for (const served of this.#reads) {
      assert(served.read.state === "idle", () => `a read for others is ${served.read.state} when all are dropped`);
      served.callback = null;
    }
    this.#readsFree = [...this.#reads];
  }

  #onRead(served: ServedRead, result: Block | BlockFault): void {
    const { callback } = served;
    assert(callback !== null, "someone waits for the block");
    served.callback = null;
    this.#readsFree.push(served);
    callback(result instanceof Block ? result.bytes() : null);
  }
}
