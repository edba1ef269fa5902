/**
 * Writing blocks: at most `grid_iops_write_max` at once, the others in the order in which they came (spec 04 §19.2).
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import { type Config, type Storage, StorageRequest } from "@stagbeetle/vsr-protocol";
import type { Block } from "./block.ts";

/** Why a block is written: it is new, or another replica sent what was lost here. */
export type BlockWritePurpose = "create" | "repair";

/** Where a write stands. `queued`: all I/O is busy. */
export type BlockWriteState = "idle" | "queued" | "writing";

const TRANSITIONS: Readonly<Record<BlockWriteState, readonly BlockWriteState[]>> = {
  idle: ["queued"],
  queued: ["writing", "idle"],
  writing: ["idle"],
};

/** One write of a block, allocated once by its owner and used again and again. */
export class BlockWrite {
  /** Called once per use when the block is durable. The write may be used again from within. */
  readonly onWritten: (write: BlockWrite) => void;
  #state: BlockWriteState = "idle";
  #block: Block | null = null;
  #purpose: BlockWritePurpose = "create";
  #checkpointId = 0n;

  constructor(onWritten: (write: BlockWrite) => void) {
    this.onWritten = onWritten;
  }

  get state(): BlockWriteState {
    return this.#state;
  }

  /** What is being written. */
  get block(): Block {
    assert(this.#block !== null, "the write is idle");
    return this.#block;
  }

  get purpose(): BlockWritePurpose {
    return this.#purpose;
  }

  /** The checkpoint at which the write began. */
  get checkpointId(): bigint {
    return this.#checkpointId;
  }

  /** Called by the grid when it takes the write: with a reference of its own of the block. */
  begin(block: Block, purpose: BlockWritePurpose, checkpointId: bigint): void {
    this.transition("queued");
    this.#block = block.retain();
    this.#purpose = purpose;
    this.#checkpointId = checkpointId;
  }

  /** Called by the grid. */
  transition(next: BlockWriteState): void {
    assert(TRANSITIONS[this.#state].includes(next), () => `a write goes from ${this.#state} to ${next}`);
    this.#state = next;
  }

  /** Called by the grid when the write is done or dropped. */
  end(): void {
    const { block } = this;
    this.transition("idle");
    this.#block = null;
    block.release();
  }
}

/** One write under way. */
class WriteIop {
  readonly request: StorageRequest;
  write: BlockWrite | null = null;

  constructor(onComplete: (iop: WriteIop) => void) {
    this.request = new StorageRequest(() => onComplete(this));
  }
}

/** What the writes are made of. */
export interface BlockWritesOptions {
  readonly config: Config;
  readonly storage: Storage;
  /** Runs when a block is durable, before the next write begins: the block goes into the cache. */
  readonly onDurable: (write: BlockWrite) => void;
  /** Runs then, once the next write has begun: ends the write. */
  readonly onComplete: (write: BlockWrite) => void;
  /** Runs when the last write under way has completed while the others were dropped. */
  readonly onCancelled: () => void;
}

/** All writes of blocks. At most one for each address. */
export class BlockWrites {
  readonly #config: Config;
  readonly #storage: Storage;
  readonly #onDurable: (write: BlockWrite) => void;
  readonly #onComplete: (write: BlockWrite) => void;
  readonly #onCancelled: () => void;
  readonly #iopsFree: WriteIop[];
  readonly #iopsMax: number;
  readonly #queue: BlockWrite[] = [];
  /** All writes, queued or under way. */
  readonly #byAddress = new Map<number, BlockWrite>();
  #cancelling = false;

  constructor({ config, storage, onDurable, onComplete, onCancelled }: BlockWritesOptions) {
    this.#config = config;
    this.#storage = storage;
    this.#onDurable = onDurable;
    this.#onComplete = onComplete;
    this.#onCancelled = onCancelled;
    this.#iopsMax = config.process.gridIopsWriteMax;
    this.#iopsFree = Array.from({ length: this.#iopsMax }, () => new WriteIop((iop) => this.#onWritten(iop)));
  }

  /** Writes under way. */
  get runningCount(): number {
    return this.#byAddress.size - this.#queue.length;
  }

  /** Writes that wait for I/O. */
  get queuedCount(): number {
    return this.#queue.length;
  }

  /** The write of this address that is queued or under way, or null. */
  find(address: number): BlockWrite | null {
    return this.#byAddress.get(address) ?? null;
  }

  /** Whether any write of this purpose is queued or under way. */
  pending(purpose: BlockWritePurpose): boolean {
    for (const write of this.#byAddress.values()) if (write.purpose === purpose) return true;
    return false;
  }

  /** Writes whole sectors of the block, zero behind its end. */
  writeBlock(write: BlockWrite, block: Block, purpose: BlockWritePurpose, checkpointId: bigint): void {
    const { address } = block.header;
    assert(!this.#cancelling, "a block is written while writes are dropped");
    assert(address > 0, "no block has address 0");
    assert(this.find(address) === null, () => `block ${address} is being written`);
    block.zeroSectorPadding();
    write.begin(block, purpose, checkpointId);
    this.#byAddress.set(address, write);
    this.#queue.push(write);
    this.#startNext();
  }

  /** Drops what has not begun. What is under way completes, but nobody hears of it. True if there is nothing under way. */
  cancel(): boolean {
    assert(!this.#cancelling, "writes are being dropped already");
    for (const write of this.#queue.splice(0)) {
      this.#byAddress.delete(write.block.header.address);
      write.end();
    }
    this.#cancelling = this.runningCount > 0;
    return !this.#cancelling;
  }

  #startNext(): void {
    if (this.#queue.length === 0) return;
    const iop = this.#iopsFree.pop();
    if (iop === undefined) return;
    const write = this.#queue.shift();
    assert(write !== undefined, "a write waits");
    iop.write = write;
    write.transition("writing");
    const offset = (write.block.header.address - 1) * this.#config.cluster.blockSize;
    this.#storage.writeSectors(iop.request, "grid", offset, write.block.sectors());
  }

  #onWritten(iop: WriteIop): void {
    const { write } = iop;
    assert(write !== null, "a write under way completes");
    iop.write = null;
    this.#iopsFree.push(iop);
    assert(this.#iopsFree.length <= this.#iopsMax, "no I/O is given back twice");
    this.#byAddress.delete(write.block.header.address);
    this.#onDurable(write);
    if (this.#cancelling) {
      write.end();
      if (this.runningCount > 0) return;
      this.#cancelling = false;
      this.#onCancelled();
      return;
    }
    // Before the callback, whose own writes must not jump the queue.
    this.#startNext();
    this.#onComplete(write);
  }
}
