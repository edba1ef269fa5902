/**
 * Reading blocks: from a write that is under way, from a read of the same block, from the cache, from disk, and if the disk
 * does not have it, from another replica (spec 04 §19.3).
 *
 * ```text
 *   idle ─▶ scheduled ─▶ queued ─▶ reading ─▶ idle
 *                │                    │
 *                └──▶ attached ◀──────┴──▶ parked ─▶ idle
 * ```
 *
 * A read is `reading` until the checksum of the body is there, which another thread may compute.
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import {
  type BlockReference,
  type BodyChecksums,
  ChecksumRequest,
  type Checksums,
  type Config,
  type Storage,
  StorageRequest,
} from "@stagbeetle/vsr-protocol";
import { type Block, blockBodyFault, type BlockFault, blockHeaderFault } from "./block.ts";
import type { BlockPool } from "./block-pool.ts";

/**
 * Where a block may come from.
 *
 * - `localOrGlobalStorage`: the caller knows that the block belongs to the current checkpoint or was created since. If the
 *   disk does not have it, another replica will; the read never fails. Also called *coherent*.
 * - `localStorage`: whatever the disk has, for other replicas and for the scrubber. The block may be gone.
 */
export type BlockReadSource = "localOrGlobalStorage" | "localStorage";

/** What is read and how. */
export interface BlockReadOptions extends BlockReference {
  readonly source: BlockReadSource;
  /** Whether the cache may have the answer. */
  readonly cacheRead: boolean;
  /** Whether the block goes into the cache. */
  readonly cacheWrite: boolean;
}

/** Where a read stands. `attached`: another read of the same block brings it. `parked`: another replica must. */
export type BlockReadState = "idle" | "scheduled" | "queued" | "reading" | "attached" | "parked";

const TRANSITIONS: Readonly<Record<BlockReadState, readonly BlockReadState[]>> = {
  idle: ["scheduled"],
  scheduled: ["queued", "attached", "idle"],
  queued: ["reading", "idle"],
  reading: ["parked", "attached", "idle"],
  attached: ["attached", "parked", "idle"],
  parked: ["idle"],
};

const NOTHING: BlockReadOptions = {
  address: 0,
  checksum: 0n,
  source: "localStorage",
  cacheRead: false,
  cacheWrite: false,
};

/** One read of a block, allocated once by its owner and used again and again. */
export class BlockRead {
  /**
   * Called once per use: with the block, or, only for reads from `localStorage`, with what is wrong with it. The block is
   * valid during the call; who wants it longer retains it. The read may be used again from within.
   */
  readonly onRead: (read: BlockRead, result: Block | BlockFault) => void;
  /** The grid's own: the reads that get what this one gets. */
  readonly attached: BlockRead[] = [];
  #state: BlockReadState = "idle";
  #options: BlockReadOptions = NOTHING;
  #checkpointId = 0n;

  constructor(onRead: (read: BlockRead, result: Block | BlockFault) => void) {
    this.onRead = onRead;
  }

  get state(): BlockReadState {
    return this.#state;
  }

  /** What is being read. */
  get options(): BlockReadOptions {
    assert(this.#state !== "idle", "the read is idle");
    return this.#options;
  }

  /** Whether the read never fails. */
  get coherent(): boolean {
    return this.options.source === "localOrGlobalStorage";
  }

  /** The checkpoint at which the read began. */
  get checkpointId(): bigint {
    return this.#checkpointId;
  }

  /** Called by the grid when it takes the read. */
  begin(options: BlockReadOptions, checkpointId: bigint): void {
    this.transition("scheduled");
    assert(this.attached.length === 0, "an idle read has no others attached");
    this.#options = options;
    this.#checkpointId = checkpointId;
  }

  /** Called by the grid. */
  transition(next: BlockReadState): void {
    assert(TRANSITIONS[this.#state].includes(next), () => `a read goes from ${this.#state} to ${next}`);
    this.#state = next;
  }

  /** Whether this is a read of that very block. */
  wants({ address, checksum }: BlockReference): boolean {
    return this.options.address === address && this.options.checksum === checksum;
  }
}

/** One read under way: of the disk first, then of the body by whoever computes its checksum. */
class ReadIop {
  readonly request: StorageRequest;
  readonly checksum: ChecksumRequest;
  read: BlockRead | null = null;
  block: Block | null = null;

  constructor(onRead: (iop: ReadIop) => void, onChecksum: (iop: ReadIop) => void) {
    this.request = new StorageRequest(() => onRead(this));
    this.checksum = new ChecksumRequest("awaited", () => onChecksum(this));
  }
}

/** What the reads are made of. */
export interface BlockReadsOptions {
  readonly config: Config;
  readonly storage: Storage;
  readonly checksums: Checksums;
  readonly bodyChecksums: BodyChecksums;
  /** Lends a block to each read under way, and one to a read that has just completed. */
  readonly pool: BlockPool;
  /** The block that is wanted if memory has it: in a write under way, or in the cache if that may be used. */
  readonly lookup: (options: BlockReadOptions) => Block | null;
  /** Runs when a valid block came from disk and someone wants it cached. */
  readonly onValid: (block: Block) => void;
  /** Runs when the disk does not have a block that someone waits for. */
  readonly onParked: (wanted: BlockReference, fault: BlockFault) => void;
  /** Runs before a read's owner hears of its end. */
  readonly onResolve: (read: BlockRead, result: Block | BlockFault) => void;
  /** Runs when the last read under way has completed while all were dropped. */
  readonly onCancelled: () => void;
}

/** All reads of blocks. At most `grid_iops_read_max` are under way. */
export class BlockReads {
  readonly #options: BlockReadsOptions;
  readonly #iopsFree: ReadIop[];
  /** Reads that begin with the next tick. */
  readonly #scheduled: BlockRead[] = [];
  /** Reads that wait for I/O, in order. */
  readonly #queue: BlockRead[] = [];
  readonly #reading: BlockRead[] = [];
  /** The repair queue: reads that wait for another replica. No two of one block. */
  readonly #readGlobalQueue: BlockRead[] = [];
  #tickPending = false;
  #cancelling = false;
  #iopsRunning = 0;
  #cancelCount = 0;

  constructor(options: BlockReadsOptions) {
    this.#options = options;
    this.#iopsFree = Array.from(
      { length: options.config.process.gridIopsReadMax },
      () =>
        new ReadIop(
          (iop) => this.#onRead(iop),
          (iop) => this.#onChecksum(iop),
        ),
    );
  }

  /** How many blocks reads hold at once. */
  static blocksMax(config: Config): number {
    return config.process.gridIopsReadMax + 1;
  }

  /** Reads of which the disk does not have the block. */
  get readGlobalQueue(): readonly BlockRead[] {
    return this.#readGlobalQueue;
  }

  /** Reads under way. */
  get runningCount(): number {
    return this.#iopsRunning;
  }

  /** Reads that wait for their tick or for I/O. */
  get queuedCount(): number {
    return this.#scheduled.length + this.#queue.length;
  }

  /** Whether a coherent read of the address waits or is under way. */
  readingCoherently(address: number): boolean {
    const of = (read: BlockRead): boolean =>
      (read.options.address === address && read.coherent) || read.attached.some(of);
    return [this.#scheduled, this.#queue, this.#reading, this.#readGlobalQueue].some((reads) => reads.some(of));
  }

  /** Begins with the next tick, so that no owner is called back from inside its call. */
  readBlock(read: BlockRead, options: BlockReadOptions, checkpointId: bigint): void {
    assert(!this.#cancelling, "a block is read while reads are dropped");
    assert(options.address > 0, "no block has address 0");
    read.begin(options, checkpointId);
    this.#scheduled.push(read);
    if (this.#tickPending) return;
    this.#tickPending = true;
    this.#options.storage.nextTick(() => this.#onTick());
  }

  /** Gives the block to the parked read of exactly this block. False if there is none. */
  fulfillBlock(block: Block): boolean {
    const { header } = block;
    const at = this.#readGlobalQueue.findIndex((read) => read.wants(header));
    const [read] = at < 0 ? [] : this.#readGlobalQueue.splice(at, 1);
    if (read === undefined) return false;
    this.#resolveAll([...read.attached.splice(0), read], block);
    return true;
  }

  /** Drops all reads; their owners never hear of them. True if none is under way. */
  cancel(): boolean {
    assert(!this.#cancelling, "reads are being dropped already");
    this.#cancelCount += 1;
    for (const reads of [this.#scheduled, this.#queue, this.#readGlobalQueue, this.#reading]) {
      for (const read of reads.splice(0)) {
        for (const attached of read.attached.splice(0)) attached.transition("idle");
        read.transition("idle");
      }
    }
    this.#cancelling = this.#iopsRunning > 0;
    return !this.#cancelling;
  }

  #onTick(): void {
    this.#tickPending = false;
    // Callbacks schedule more, for the tick after this one.
    for (let left = this.#scheduled.length; left > 0; left -= 1) {
      const read = this.#scheduled.shift();
      // A callback may have dropped the rest.
      if (read === undefined) return;
      this.#start(read);
    }
  }

  #start(read: BlockRead): void {
    const { options } = read;
    const block = this.#options.lookup(options);
    if (block !== null) {
      block.retain();
      this.#resolve(read, block);
      block.release();
      return;
    }
    const same = this.#find(options, read.coherent);
    if (same !== null) {
      read.transition("attached");
      same.attached.push(read);
      return;
    }
    read.transition("queued");
    this.#queue.push(read);
    this.#startNext();
  }

  /** A read that will bring this block. A parked one brings it at some time only: not for readers of the disk. */
  #find(wanted: BlockReference, coherent: boolean): BlockRead | null {
    const of = (read: BlockRead): boolean => read.wants(wanted);
    const under = this.#reading.find(of) ?? this.#queue.find(of) ?? null;
    return under ?? (coherent ? (this.#readGlobalQueue.find(of) ?? null) : null);
  }

  #startNext(): void {
    if (this.#queue.length === 0) return;
    const iop = this.#iopsFree.pop();
    if (iop === undefined) return;
    const read = this.#queue.shift();
    assert(read !== undefined, "a read waits");
    const { config, storage, pool } = this.#options;
    const { blockSize } = config.cluster;
    read.transition("reading");
    this.#reading.push(read);
    this.#iopsRunning += 1;
    iop.read = read;
    iop.block = pool.acquire();
    storage.readSectors(iop.request, "grid", (read.options.address - 1) * blockSize, iop.block.buffer);
  }

  /** The disk has answered: what the header says comes first, because only it says how long the body is. */
  #onRead(iop: ReadIop): void {
    const { block } = iop;
    assert(block !== null, "a read under way completes");
    const fault = this.#cancelling ? null : blockHeaderFault(block, this.#options.checksums);
    if (this.#cancelling || fault !== null) this.#onComplete(iop, fault);
    else this.#options.bodyChecksums.compute(iop.checksum, block.body());
  }

  #onChecksum(iop: ReadIop): void {
    const { read, block, checksum } = iop;
    assert(read !== null && block !== null, "the checksum of a read under way is computed");
    const fault = this.#cancelling ? null : blockBodyFault(block, read.options, checksum.checksum);
    this.#onComplete(iop, fault);
  }

  #onComplete(iop: ReadIop, fault: BlockFault | null): void {
    const { read, block } = iop;
    assert(read !== null && block !== null, "a read under way completes");
    iop.read = null;
    iop.block = null;
    this.#iopsFree.push(iop);
    this.#iopsRunning -= 1;
    if (this.#cancelling) {
      block.release();
      if (this.#iopsRunning > 0) return;
      this.#cancelling = false;
      this.#options.onCancelled();
      return;
    }
    this.#reading.splice(this.#reading.indexOf(read), 1);
    this.#startNext();
    if (fault === null) this.#onValid(read, block);
    else this.#onFault(read, fault);
    block.release();
  }

  #onValid(read: BlockRead, block: Block): void {
    const cached = read.options.cacheWrite || read.attached.some(({ options }) => options.cacheWrite);
    if (cached) this.#options.onValid(block);
    this.#resolveAll([...read.attached.splice(0), read], block);
  }

  /** Coherent reads go to the repair queue together; the others hear what is wrong. */
  #onFault(read: BlockRead, fault: BlockFault): void {
    const group = [...read.attached.splice(0), read];
    const wanted = read.options;
    const waiting = group.filter((member) => member.coherent);
    const told = group.filter((member) => !member.coherent);
    if (waiting.length > 0) {
      this.#park(waiting, wanted);
      this.#options.onParked(wanted, fault);
    }
    this.#resolveAll(told, fault);
  }

  #park(group: readonly BlockRead[], wanted: BlockReference): void {
    let root = this.#readGlobalQueue.find((read) => read.wants(wanted)) ?? null;
    for (const read of group) {
      if (root === null) {
        root = read;
        read.transition("parked");
        this.#readGlobalQueue.push(read);
      } else {
        read.transition("attached");
        root.attached.push(read);
      }
    }
  }

  /** Those that were attached first, then the read itself. A callback may drop all reads: the rest never hear of it. */
  #resolveAll(group: readonly BlockRead[], result: Block | BlockFault): void {
    const cancelCount = this.#cancelCount;
    for (const read of group) {
      if (cancelCount === this.#cancelCount) this.#resolve(read, result);
      else read.transition("idle");
    }
  }

  #resolve(read: BlockRead, result: Block | BlockFault): void {
    this.#options.onResolve(read, result);
    read.transition("idle");
    read.onRead(read, result);
  }
}
