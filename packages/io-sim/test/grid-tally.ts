/**
 * A state machine on the real grid, for tests of what lies between them and the replica: it counts and adds, writes blocks at
 * the end of each bar, and checkpoints as the forest does.
 *
 * @module
 */
import { BlockRead, BlockWrite, type Grid } from "@stagbeetle/grid";
import { assert } from "@stagbeetle/kernels";
import {
  type BlockReference,
  BlockType,
  type Checksums,
  type Committing,
  type Config,
  HEADER_SIZE_BYTES,
  MANIFEST_EMPTY,
  type ManifestReferences,
  Operation,
  type Storage,
  type StateMachine,
  type SuperBlock,
  trigger,
} from "@stagbeetle/vsr-protocol";

/** Adds the body's first byte to a sum. The result: how often, and the sum, each a u32. */
export const ADD = 200;

const STATE_SIZE_BYTES = 8;
const TABLE_BLOCKS = 3;
const REFERENCE_SIZE_BYTES = 24;

/** What the machine is made of. */
export interface GridTallyOptions {
  readonly config: Config;
  readonly storage: Storage;
  readonly superblock: SuperBlock;
  readonly grid: Grid;
  readonly checksums: Checksums;
}

/** How many blocks the machine holds at once. */
export const GRID_TALLY_BLOCKS: number = TABLE_BLOCKS + 1;

export class GridTally implements StateMachine {
  readonly checkpoints: boolean = true;
  prepareTimestamp = 0n;
  commitTimestamp = 0n;
  count = 0;
  sum = 0;
  readonly #options: GridTallyOptions;
  readonly #writes: readonly BlockWrite[];
  readonly #read: BlockRead;
  #writesFree: BlockWrite[];
  #onRead: ((body: Uint8Array) => void) | null = null;
  /** Whoever waits for all blocks to be durable. */
  #onWritten: (() => void) | null = null;
  #bar: Uint8Array;
  #barBefore: Uint8Array;
  #table: readonly BlockReference[] = [];
  #references: ManifestReferences = MANIFEST_EMPTY;

  constructor(options: GridTallyOptions) {
    this.#options = options;
    this.#writes = Array.from({ length: GRID_TALLY_BLOCKS }, () => new BlockWrite((write) => this.#written(write)));
    this.#writesFree = [...this.#writes];
    this.#read = new BlockRead((_, block) => {
      assert(typeof block !== "string", "a coherent read does not fail");
      const callback = this.#onRead;
      assert(callback !== null, "someone reads");
      this.#onRead = null;
      callback(block.body());
    });
    this.#bar = this.#encodeState();
    this.#barBefore = this.#bar;
  }

  /** Reads the newest manifest block, and then all blocks that it names. */
  open(callback: () => void): void {
    const { checkpoint } = this.#options.superblock.working;
    if (checkpoint.manifestBlockCount === 0) return this.#options.storage.nextTick(callback);
    const block = { address: checkpoint.manifestNewestAddress, checksum: checkpoint.manifestNewestChecksum };
    this.#references = { oldest: block, newest: block, blockCount: 1 };
    this.#readBlock(block, (body) => {
      this.#decodeManifest(body);
      this.#readTable(0, callback);
    });
  }

  operationValid(operation: number): boolean {
    return operation === ADD;
  }

  inputValid(_operation: number, body: Uint8Array): boolean {
    return body.length > 0;
  }

  prepare(_operation: number, body: Uint8Array): void {
    this.prepareTimestamp += BigInt(body.length);
  }

  pulseNeeded(): boolean {
    return false;
  }

  prefetch(_committing: Committing, _snapshot: number, callback: () => void): void {
    this.#options.grid.nextTick(callback);
  }

  commit({ operation, body }: Committing, output: Uint8Array): number {
    assert(operation !== Operation.pulse, "there are no pulses");
    this.count += 1;
    this.sum += body[0] ?? 0;
    output.set(this.#encodeState());
    return STATE_SIZE_BYTES;
  }

  compact(op: number, callback: () => void): void {
    const { config, grid, superblock } = this.#options;
    if ((op + 1) % config.cluster.lsmCompactionOps !== 0) return grid.nextTick(callback);
    this.#barBefore = this.#bar;
    this.#bar = this.#encodeState();
    const compactedMax = trigger(config, superblock.working.checkpointHeader.op) ?? 0;
    if (op <= compactedMax) return grid.nextTick(callback);
    // The last beat waits for the blocks of the bar before, but not for its own.
    if (this.#writesFree.length === this.#writes.length) this.#compactBar(callback);
    else this.#onWritten = () => this.#compactBar(callback);
  }

  checkpoint(callback: () => void): void {
    const { grid } = this.#options;
    const manifest = new Uint8Array(STATE_SIZE_BYTES + TABLE_BLOCKS * REFERENCE_SIZE_BYTES);
    manifest.set(this.#barBefore);
    const view = new DataView(manifest.buffer);
    for (const [index, { address, checksum }] of this.#table.entries()) {
      const at = STATE_SIZE_BYTES + index * REFERENCE_SIZE_BYTES;
      view.setUint32(at, address, true);
      view.setBigUint64(at + 8, BigInt.asUintN(64, checksum), true);
      view.setBigUint64(at + 16, checksum >> 64n, true);
    }
    const old = this.#references;
    const [block] = this.#writeBlocks([manifest]);
    assert(block !== undefined, "a block was written");
    if (old.blockCount > 0) grid.release([old.newest.address]);
    this.#references = { oldest: block, newest: block, blockCount: 1 };
    this.#onWritten = callback;
  }

  checkpointReferences(): ManifestReferences {
    return this.#references;
  }

  reset(): void {
    assert(false, "a replica that is alone does not sync");
  }

  #compactBar(callback: () => void): void {
    const { grid } = this.#options;
    const old = this.#table;
    this.#table = this.#writeBlocks(Array.from({ length: TABLE_BLOCKS }, () => this.#barBefore));
    grid.release(old.map(({ address }) => address));
    grid.nextTick(callback);
  }

  #writeBlocks(bodies: readonly Uint8Array[]): readonly BlockReference[] {
    const { grid, checksums } = this.#options;
    const reservation = grid.reserve(bodies.length);
    const references = bodies.map((body) => {
      const block = grid.blocks.acquire();
      const { cluster, checkpointRelease: release } = grid;
      const address = grid.acquire(reservation);
      block.init({ cluster, release, address, snapshot: 0, blockType: BlockType.manifest });
      block.buffer.set(body, HEADER_SIZE_BYTES);
      block.seal(HEADER_SIZE_BYTES + body.length, checksums);
      const write = this.#writesFree.pop();
      assert(write !== undefined, "a write is free");
      const reference = block.reference();
      grid.createBlock(write, block);
      block.release();
      return reference;
    });
    grid.forfeit(reservation);
    return references;
  }

  #written(write: BlockWrite): void {
    this.#writesFree.push(write);
    const callback = this.#onWritten;
    if (callback === null || this.#writesFree.length < this.#writes.length) return;
    this.#onWritten = null;
    callback();
  }

  #readBlock(block: BlockReference, callback: (body: Uint8Array) => void): void {
    this.#onRead = callback;
    const how = { source: "localOrGlobalStorage", cacheRead: true, cacheWrite: true } as const;
    this.#options.grid.readBlock(this.#read, { ...block, ...how });
  }

  #readTable(index: number, callback: () => void): void {
    const block = this.#table[index];
    if (block === undefined) return callback();
    this.#readBlock(block, () => this.#readTable(index + 1, callback));
  }

  #encodeState(): Uint8Array {
    const bytes = new Uint8Array(STATE_SIZE_BYTES);
    const view = new DataView(bytes.buffer);
    view.setUint32(0, this.count, true);
    view.setUint32(4, this.sum, true);
    return bytes;
  }

  #decodeManifest(body: Uint8Array): void {
    const view = new DataView(body.buffer, body.byteOffset, body.length);
    this.count = view.getUint32(0, true);
    this.sum = view.getUint32(4, true);
    this.#table = Array.from({ length: TABLE_BLOCKS }, (_, index) => {
      const at = STATE_SIZE_BYTES + index * REFERENCE_SIZE_BYTES;
      const checksum = view.getBigUint64(at + 8, true) | (view.getBigUint64(at + 16, true) << 64n);
      return { address: view.getUint32(at, true), checksum };
    });
    this.#bar = this.#encodeState();
    this.#barBefore = this.#bar;
  }
}
