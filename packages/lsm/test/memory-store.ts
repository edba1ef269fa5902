/**
 * A grid in memory, without a cache, a superblock and checkpoint trailers: for what needs blocks only.
 */
import {
  type Block,
  blockFault,
  BlockPool,
  type BlockRead,
  type BlockSeal,
  type BlockWrite,
  type Reservation,
} from "@stagbeetle/grid";
import { assert, type Kernels } from "@stagbeetle/kernels";
import type { BlockStore } from "@stagbeetle/lsm";
import { type BlockReference, type BlockType, Checksums, type Config, type Random } from "@stagbeetle/vsr-protocol";

const CLUSTER = 0n;
const RELEASE = 1;

/** Which blocks are in use: plain sets, copied at a checkpoint. */
interface Used {
  acquired: Set<number>;
  released: Set<number>;
  /** Released before the checkpoint before was durable. */
  releasedEarly: Set<number>;
}

export interface MemoryStoreOptions {
  readonly config: Config;
  readonly kernels: Kernels;
  /** How many blocks there may be in memory at once. */
  readonly blocksMax: number;
  /** Draws the order in which I/O completes; in the order of the calls unless given. */
  readonly random?: Random;
}

/** What is on disk, and in use there. */
export interface MemoryStoreImage {
  readonly disk: Map<number, Uint8Array>;
  readonly used: Used;
}

/** Where nothing was ever written. Addresses below `addressMin` are in use. */
export function emptyImage(addressMin: number = 1): MemoryStoreImage {
  const acquired = new Set(Array.from({ length: addressMin - 1 }, (_, index) => index + 1));
  return { disk: new Map(), used: { acquired, released: new Set(), releasedEarly: new Set() } };
}

/** A {@link BlockStore}. Nothing completes but in `step`. */
export class MemoryStore implements BlockStore {
  readonly sealsDeferredMax = 0;
  readonly disk: Map<number, Uint8Array>;
  #used: Used;
  readonly #pool: BlockPool;
  readonly #checksums: Checksums;
  readonly #random: Random | null;
  #checkpointUsed: Used;
  #checkpointDurable = false;
  #reservations: Reservation[] = [];
  #reservedEnd = 0;
  #pending: (() => void)[] = [];
  readonly #writing = new Map<number, BlockWrite>();
  readonly #reading = new Set<BlockRead>();

  constructor({ config, kernels, blocksMax, random }: MemoryStoreOptions, { disk, used }: MemoryStoreImage) {
    this.disk = disk;
    this.#used = used;
    this.#checkpointUsed = copyOf(used);
    this.#pool = new BlockPool({ memory: kernels.memory, blockSize: config.cluster.blockSize, blocksMax });
    this.#checksums = new Checksums(kernels);
    this.#random = random ?? null;
  }

  /** How many blocks are in use and not released. */
  get usedCount(): number {
    const { acquired, released, releasedEarly } = this.#used;
    return acquired.size - released.size - releasedEarly.size;
  }

  /** How many blocks of the pool nobody holds. */
  get available(): number {
    return this.#pool.available;
  }

  lendBlock(): Block {
    return this.#pool.acquire();
  }

  beginBlock(block: Block, address: number, blockType: BlockType, snapshot: number): void {
    block.init({ cluster: CLUSTER, release: RELEASE, address, snapshot, blockType });
  }

  sealBlock(seal: BlockSeal, block: Block, sizeBytes: number): void {
    block.seal(sizeBytes, this.#checksums);
    seal.onSealed(seal);
  }

  sealBlockNow(block: Block, sizeBytes: number): void {
    block.seal(sizeBytes, this.#checksums);
  }

  reserve(count: number): Reservation {
    const base = this.#reservedEnd;
    for (let left = count; left > 0; this.#reservedEnd += 1) {
      if (!this.#used.acquired.has(this.#reservedEnd + 1)) left -= 1;
    }
    const reservation = { base, count: this.#reservedEnd - base, session: 1 };
    this.#reservations.push(reservation);
    return reservation;
  }

  acquire(reservation: Reservation): number {
    assert(this.#reservations.includes(reservation), "the reservation is over");
    let address = reservation.base + 1;
    while (this.#used.acquired.has(address)) address += 1;
    assert(address <= reservation.base + reservation.count, "the reservation is used up");
    this.#used.acquired.add(address);
    return address;
  }

  forfeit(reservation: Reservation): void {
    this.#reservations = this.#reservations.filter((other) => other !== reservation);
    if (this.#reservations.length === 0) this.#reservedEnd = 0;
  }

  release(address: number): void {
    const { acquired, released, releasedEarly } = this.#used;
    assert(acquired.has(address), () => `block ${address} is free`);
    assert(!released.has(address) && !releasedEarly.has(address), () => `block ${address} is released twice`);
    (this.#checkpointDurable ? released : releasedEarly).add(address);
  }

  createBlock(write: BlockWrite, block: Block): void {
    const { address } = block.header;
    assert(this.#used.acquired.has(address), () => `block ${address} is written and free`);
    assert(!this.#writing.has(address), () => `block ${address} is written twice at once`);
    write.begin(block, "create", 0n);
    this.#writing.set(address, write);
    this.#pending.push(() => {
      this.disk.set(address, block.sectors().slice());
      this.#writing.delete(address);
      write.transition("writing");
      write.end();
      write.onWritten(write);
    });
  }

  readBlock(read: BlockRead, reference: BlockReference): void {
    const { address } = reference;
    assert(this.#used.acquired.has(address), () => `block ${address} is read and free`);
    read.begin({ ...reference, source: "localOrGlobalStorage", cacheRead: true, cacheWrite: true }, 0n);
    this.#reading.add(read);
    this.#pending.push(() => {
      const block = this.#pool.acquire();
      const stored = this.#writing.get(address)?.block.sectors() ?? this.disk.get(address);
      assert(stored !== undefined, () => `block ${address} is read and was never written`);
      block.buffer.fill(0xaa);
      block.buffer.set(stored);
      const fault = blockFault(block, reference, this.#checksums);
      assert(fault === null, () => `block ${address} is read: ${fault}`);
      this.#reading.delete(read);
      for (const state of ["queued", "reading", "idle"] as const) read.transition(state);
      read.onRead(read, block);
      block.release();
    });
  }

  readBlockFromMemory(): Block | null {
    return null;
  }

  nextTick(callback: () => void): void {
    this.#pending.push(callback);
  }

  /** Runs one completion; false if none waits. */
  step(): boolean {
    if (this.#pending.length === 0) return false;
    const [completion] = this.#pending.splice(this.#random?.index(this.#pending.length) ?? 0, 1);
    completion?.();
    return true;
  }

  /** Starts something and runs completions until it is done. */
  wait(start: (done: () => void) => void): void {
    let done = false;
    start(() => {
      done = true;
    });
    assert(!done, "a callback runs from inside the call");
    while (!done) assert(this.step(), "nothing happens any more");
  }

  /** Drops everything under way, and forgets what is in use but in the last checkpoint: a state sync begins. */
  cancel(): void {
    this.#pending = [];
    for (const read of this.#reading) read.transition("idle");
    this.#reading.clear();
    for (const write of this.#writing.values()) write.end();
    this.#writing.clear();
    this.#reservations = [];
    this.#reservedEnd = 0;
    this.#used = copyOf(this.#checkpointUsed);
    this.#checkpointDurable = false;
  }

  /** What is in use now is what a crash leaves in use. */
  checkpoint(): void {
    assert(this.#pending.length === 0 && this.#reservations.length === 0, "a checkpoint has nothing under way");
    assert(this.#checkpointDurable, "a checkpoint follows a durable one");
    this.#checkpointUsed = copyOf(this.#used);
    this.#checkpointDurable = false;
  }

  /** Blocks that were released before the last checkpoint can be used again. */
  checkpointDurable(): void {
    if (this.#checkpointDurable) return;
    const { acquired, released, releasedEarly } = this.#used;
    for (const address of released) acquired.delete(address);
    released.clear();
    for (const address of releasedEarly) released.add(address);
    releasedEarly.clear();
    this.#checkpointDurable = true;
  }

  /** What a copy of the data file has. */
  image(): MemoryStoreImage {
    return { disk: new Map(this.disk), used: copyOf(this.#checkpointUsed) };
  }

  /** What a crash leaves: of writes under way some are done, some are not, and some are torn. */
  crash(random: Random): MemoryStoreImage {
    for (const [address, { block }] of this.#writing) {
      const sectors = block.sectors().slice();
      const fate = random.index(3);
      if (fate === 1) sectors.fill(0xbb, 100);
      if (fate > 0) this.disk.set(address, sectors);
    }
    this.#pending = [];
    return { disk: this.disk, used: copyOf(this.#checkpointUsed) };
  }
}

function copyOf({ acquired, released, releasedEarly }: Used): Used {
  return { acquired: new Set(acquired), released: new Set(released), releasedEarly: new Set(releasedEarly) };
}
