/**
 * The traffic with other replicas about blocks that this one lacks: what to ask for, and what to do with what comes
 * (spec 04 §20.2, spec 03 §23).
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import {
  BLOCK_REQUEST_SIZE_BYTES,
  BlockHeader,
  type BlockReference,
  BlockRequest,
  type Config,
  type Random,
  recordBytes,
} from "@stagbeetle/vsr-protocol";
import type { Block } from "./block.ts";
import type { BlockPool } from "./block-pool.ts";
import type { BlockReads } from "./block-reads.ts";
import { BlockWrite } from "./block-writes.ts";
import type { GridBlocksMissing } from "./missing-blocks.ts";

/** Of the blocks that one message asks for, how many are left to the missing blocks if there are so many. */
const REQUESTS_FOR_MISSING = 2;

/** What the repairs are made of. */
export interface BlockRepairsOptions {
  readonly config: Config;
  readonly pool: BlockPool;
  readonly reads: BlockReads;
  readonly missing: GridBlocksMissing;
  readonly random: Random;
  /** Writes a block that the missing blocks wait for. */
  readonly repairBlock: (write: BlockWrite, block: Block) => void;
  /** Runs when such a write is done and can be used again. */
  readonly onWritten: () => void;
}

/** Asks for blocks and takes them. At most `grid_iops_write_max` are being written; each holds a block of the pool. */
export class BlockRepairs {
  readonly #config: Config;
  readonly #pool: BlockPool;
  readonly #reads: BlockReads;
  readonly #missing: GridBlocksMissing;
  readonly #random: Random;
  readonly #repairBlock: (write: BlockWrite, block: Block) => void;
  readonly #onWritten: () => void;
  readonly #writes: readonly BlockWrite[];
  #writesFree: BlockWrite[];

  constructor({ config, pool, reads, missing, random, repairBlock, onWritten }: BlockRepairsOptions) {
    this.#config = config;
    this.#pool = pool;
    this.#reads = reads;
    this.#missing = missing;
    this.#random = random;
    this.#repairBlock = repairBlock;
    this.#onWritten = onWritten;
    this.#writes = Array.from(
      { length: BlockRepairs.blocksMax(config) },
      () => new BlockWrite((write) => this.#written(write)),
    );
    this.#writesFree = [...this.#writes];
  }

  /** How many blocks repairs hold at once. */
  static blocksMax(config: Config): number {
    return config.process.gridIopsWriteMax;
  }

  /** How many more blocks can be taken now. */
  get writesAvailable(): number {
    return this.#writesFree.length;
  }

  /**
   * Writes the body of a `get_blocks`: first blocks that reads wait for, then missing ones from a random one on, each once,
   * if `accept` returns true. Returns how many.
   */
  nextBatchOfBlockRequests(body: Uint8Array, accept: (address: number, checksum: bigint) => boolean): number {
    const countMax = this.#config.process.gridRepairRequestMax;
    assert(body.length >= countMax * BLOCK_REQUEST_SIZE_BYTES, () => `${body.length} bytes for ${countMax} requests`);
    let count = 0;
    const add = ({ address, checksum }: BlockReference): void => {
      if (isRequested(body, count, address) || !accept(address, checksum)) return;
      const request = new BlockRequest(body, count * BLOCK_REQUEST_SIZE_BYTES);
      recordBytes(request).fill(0);
      request.blockAddress = address;
      request.blockChecksum = checksum;
      count += 1;
    };
    const countForReads = countMax - Math.min(REQUESTS_FOR_MISSING, this.#missing.count);
    for (const read of this.#reads.readGlobalQueue) {
      if (count === countForReads) break;
      add(read.options);
    }
    this.#missing.waitingFrom(this.#random, (reference) => {
      add(reference);
      return count < countMax;
    });
    return count;
  }

  /** Takes a `block` message that is valid by itself: resolves the reads that wait for it, and writes it if it is missing. */
  receiveBlock(bytes: Uint8Array): boolean {
    const header = new BlockHeader(bytes);
    const wanted = this.#reads.readGlobalQueue.some((read) => read.wants(header)) || this.#missing.blockWaiting(header);
    if (!wanted) return false;
    const write = this.#writesFree.pop();
    assert(write !== undefined, "the bus holds blocks back while no repair can be written");
    const block = this.#pool.acquire();
    const { size } = header;
    assert(size <= bytes.length && size <= block.buffer.length, () => `a block of ${size} bytes in ${bytes.length}`);
    block.buffer.set(bytes.subarray(0, size));
    this.#reads.fulfillBlock(block);
    // The callbacks of the reads may have cancelled everything.
    if (this.#missing.blockWaiting(block.header)) this.#repairBlock(write, block);
    else this.#writesFree.push(write);
    block.release();
    return true;
  }

  /** All writes were dropped. */
  reset(): void {
    for (const { state } of this.#writes) assert(state === "idle", () => `a repair is ${state} when all are dropped`);
    this.#writesFree = [...this.#writes];
  }

  #written(write: BlockWrite): void {
    this.#writesFree.push(write);
    this.#onWritten();
  }
}

/** Whether a block is among the first `count` requests of a body. */
function isRequested(body: Uint8Array, count: number, address: number): boolean {
  for (let at = 0; at < count; at += 1) {
    if (new BlockRequest(body, at * BLOCK_REQUEST_SIZE_BYTES).blockAddress === address) return true;
  }
  return false;
}
