/**
 * The manifest on disk: a log of what happened to the tables of all trees, as a chain of blocks (spec 05 §13).
 *
 * ```text
 *   oldest ◀── … ◀── newest ◀── closed, not yet written ◀── open
 * ```
 *
 * Entries go to the open block. At the end of each half-bar some of the oldest blocks are compacted: entries that are still the
 * latest of their table are appended again, the others are dropped, and the block is released. A remove is always dropped: once
 * it is the oldest entry, what it undid is gone.
 *
 * @module
 */
import { type Block, BlockRead, BlockWrite, ManifestMetadata, type Reservation } from "@stagbeetle/grid";
import { assert, type Kernels, type Pointer } from "@stagbeetle/kernels";
import {
  type BlockReference,
  BlockType,
  MANIFEST_EMPTY,
  type ManifestReferences,
  NO_BLOCK,
} from "@stagbeetle/vsr-protocol";
import type { BlockStore } from "../block-store.ts";
import { ManifestEvent, TableInfoView } from "../manifest/table-info.ts";
import { entryCountOf, entryPointer, manifestBlockInvalid, manifestBlockSize } from "./manifest-block.ts";
import type { ManifestPace } from "./pace.ts";
import { TableExtents } from "./table-extents.ts";

/** Sees what the log does, for traces and tests. Table infos are good during the call, their labels set. */
export interface ManifestLogObserver {
  /** An entry was appended: what has just happened to a table, or an old entry that is still the latest of its table. */
  appended(event: ManifestEvent, table: Pointer): void;
  closed(block: BlockReference, entryCount: number): void;
  compacted(block: BlockReference, droppedCount: number, entryCount: number): void;
}

/** What a manifest log is made of. */
export interface ManifestLogOptions {
  readonly kernels: Kernels;
  readonly store: BlockStore;
  readonly pace: ManifestPace;
  readonly observer?: ManifestLogObserver;
}

/**
 * What the log is doing. `compacting` ends with `compacted`, in which the half-bar's events may be appended, until
 * `compactEnd`.
 */
export type ManifestLogState = "closed" | "opening" | "idle" | "compacting" | "compacted" | "checkpointing";

const TRANSITIONS: Readonly<Record<ManifestLogState, readonly ManifestLogState[]>> = {
  closed: ["opening"],
  opening: ["idle", "closed"],
  idle: ["compacting", "checkpointing", "closed"],
  compacting: ["compacted", "closed"],
  compacted: ["idle", "closed"],
  checkpointing: ["idle", "closed"],
};

/** The block that entries are appended to. It has at least one entry. */
interface OpenBlock {
  readonly block: Block;
  readonly address: number;
  entryCount: number;
}

/** What an open under way must know. */
interface Opening {
  readonly references: ManifestReferences;
  /** Addresses of tables whose remove was read and whose insert was not. */
  readonly removed: Set<number>;
  readonly onTable: (table: Pointer) => void;
  readonly callback: () => void;
}

/** The manifest log of a forest. */
export class ManifestLog {
  readonly pace: ManifestPace;
  readonly extents: TableExtents;
  readonly #store: BlockStore;
  readonly #infos: TableInfoView;
  readonly #observer: ManifestLogObserver | null;
  /** Closed blocks, the oldest first. */
  readonly #log: BlockReference[] = [];
  /** The last of those, which are not written yet. */
  readonly #unwritten: Block[] = [];
  readonly #read: BlockRead;
  readonly #writes: readonly BlockWrite[];
  readonly #writesFree: BlockWrite[];
  #state: ManifestLogState = "closed";
  #open: OpenBlock | null = null;
  #reservation: Reservation | null = null;
  #afterWrites: (() => void) | null = null;
  #onReadBlock: ((block: Block) => void) | null = null;

  constructor({ kernels, store, pace, observer }: ManifestLogOptions) {
    this.pace = pace;
    this.extents = new TableExtents(kernels, pace.tablesMax);
    this.#store = store;
    this.#infos = new TableInfoView(kernels.memory);
    this.#observer = observer ?? null;
    this.#read = new BlockRead((_, block) => this.#onRead(block));
    this.#writes = Array.from({ length: pace.buffersMax }, () => new BlockWrite((write) => this.#onWritten(write)));
    this.#writesFree = [...this.#writes];
  }

  get state(): ManifestLogState {
    return this.#state;
  }

  /** Closed blocks of the log, written or not. */
  get blockCount(): number {
    return this.#log.length;
  }

  /** How many blocks of the grid the log has: closed ones and the open one. */
  get blocksAcquired(): number {
    return this.#log.length + (this.#open === null ? 0 : 1);
  }

  /** The addresses of blocks that were acquired and have nothing on their way to the disk yet: the open one among them. */
  get addressesUnwritten(): readonly number[] {
    const closed = this.#unwritten.map(({ header }) => header.address);
    return this.#open === null ? closed : [...closed, this.#open.address];
  }

  /** Whether nothing waits to be written. */
  get empty(): boolean {
    return this.#open === null && this.#unwritten.length === 0;
  }

  /**
   * The newest block that is older than the one at `address`, or the newest of all for null, among those that are on disk or on
   * their way. Null if there is none: also if the log forgot the block, and with it all that are older.
   */
  blockBefore(address: number | null): BlockReference | null {
    const written = this.#log.length - this.#unwritten.length;
    const at = address === null ? written : this.#log.findIndex((block) => block.address === address);
    return this.#log[Math.min(at, written) - 1] ?? null;
  }

  /** Where the log is, for the superblock; only while nothing waits to be written: right after a checkpoint or open. */
  references(): ManifestReferences {
    assert(this.empty, "the manifest log is not written");
    const oldest = this.#log[0];
    const newest = this.#log.at(-1);
    if (oldest === undefined || newest === undefined) return MANIFEST_EMPTY;
    return { oldest, newest, blockCount: this.#log.length };
  }

  /**
   * Reads the log from its newest block to its oldest. `onTable` gets the latest entry of each live table, whose bytes are good
   * during the call. No callback runs from inside the call.
   */
  open(references: ManifestReferences, onTable: (table: Pointer) => void, callback: () => void): void {
    const { oldest, newest, blockCount } = references;
    this.#transition("opening");
    assert(this.#log.length === 0 && this.extents.count === 0, "the manifest log is opened once");
    assert(blockCount <= this.pace.logBlocksMax, () => `a manifest log of ${blockCount} blocks`);
    if (blockCount === 0) {
      assert(oldest.address === 0 && newest.address === 0, () => `no blocks, from ${oldest.address} on`);
      this.#store.nextTick(() => this.#end("idle", callback));
      return;
    }
    assert(oldest.address > 0 && newest.address > 0, () => `${blockCount} blocks, from ${oldest.address} on`);
    this.#openBlock({ references, removed: new Set(), onTable, callback }, newest);
  }

  /** Compacts some of the oldest blocks; their places in the grid are reserved before this returns. */
  compact(callback: () => void): void {
    this.#transition("compacting");
    assert(this.#reservation === null, "the last half-bar's places are still reserved");
    const writtenCount = this.#log.length - this.#unwritten.length;
    const count = Math.min(this.pace.halfBarCompactBlocks(this.#log.length, this.extents.count), writtenCount);
    this.#reservation = this.#store.reserve(count + this.pace.appendBlocksMax);
    this.#flush(() => this.#compactNext(count, callback));
  }

  /**
   * Appends what happened to a table, and labels its info so: an `insert` of a table that the log does not have, or an
   * `update` or `remove` of one that it has. After `compact` and before `compactEnd`.
   *
   * @throws FatalError (status 6) if there are more tables than a forest can have.
   */
  append(event: ManifestEvent, level: number, table: Pointer): void {
    assert(this.#state === "compacted", () => `an entry is appended while the manifest log is ${this.#state}`);
    const known = this.extents.has(this.#infos.addressPointer(table));
    assert(
      known === (event !== ManifestEvent.insert),
      () => `event ${event} of ${known ? "a known" : "an unknown"} table ${this.#infos.address(table)}`,
    );
    this.#infos.setLabel(table, event, level);
    this.#append(table);
  }

  /** Ends a half-bar: what was reserved and not needed is free again. */
  compactEnd(): void {
    this.#transition("idle");
    assert(this.#reservation !== null, "nothing is reserved");
    this.#store.forfeit(this.#reservation);
    this.#reservation = null;
  }

  /** Writes everything, a partial block too. The references are those of a checkpoint then. */
  checkpoint(callback: () => void): void {
    this.#transition("checkpointing");
    if (this.#open !== null) this.#close(this.#open);
    this.#flush(() => this.#end("idle", callback));
  }

  /** Forgets everything, before a state sync. Reads and writes under way were cancelled by the grid, and never end. */
  reset(): void {
    if (this.#state !== "closed") this.#transition("closed");
    this.#open?.block.release();
    this.#open = null;
    for (const block of this.#unwritten.splice(0)) block.release();
    this.#log.length = 0;
    this.extents.clear();
    this.#reservation = null;
    this.#writesFree.splice(0, Infinity, ...this.#writes);
    this.#afterWrites = null;
    this.#onReadBlock = null;
  }

  /** One line for people. */
  describe(): string {
    const open =
      this.#open === null ? "no open block" : `${this.#open.entryCount} entries in block ${this.#open.address}`;
    return (
      `manifest log ${this.#state}: ${this.#log.length} blocks (${this.#unwritten.length} to write), ${open}, ` +
      `${this.extents.count} tables`
    );
  }

  #openBlock(opening: Opening, block: BlockReference): void {
    const { oldest, blockCount } = opening.references;
    this.#readBlock(block, (content) => {
      this.#log.unshift(block);
      this.#openEntries(opening, content);
      if (block.address === oldest.address) {
        assert(block.checksum === oldest.checksum, () => `manifest block ${block.address} is another`);
        assert(this.#log.length === blockCount, () => `${this.#log.length} manifest blocks of ${blockCount}`);
        this.#end("idle", opening.callback);
        return;
      }
      assert(this.#log.length < blockCount, () => `more than ${blockCount} manifest blocks`);
      const { previousManifestBlockChecksum: checksum, previousManifestBlockAddress: address } =
        content.metadata(ManifestMetadata);
      this.#openBlock(opening, { checksum, address });
    });
  }

  /** Later entries hide earlier ones, so the last comes first. */
  #openEntries({ removed, onTable }: Opening, block: Block): void {
    for (let entry = entryCountOf(block) - 1; entry >= 0; entry -= 1) {
      const table = entryPointer(block, entry);
      const address = this.#infos.address(table);
      const event = this.#infos.event(table);
      if (event === ManifestEvent.remove) {
        assert(!removed.has(address), () => `table ${address} is removed twice`);
        removed.add(address);
      } else if (removed.has(address)) {
        // What comes before the insert is of an older table at the same address.
        if (event === ManifestEvent.insert) removed.delete(address);
      } else if (!this.extents.has(this.#infos.addressPointer(table))) {
        this.extents.set(this.#infos.addressPointer(table), block.header.address, entry);
        onTable(table);
      }
    }
  }

  #compactNext(left: number, callback: () => void): void {
    const oldest = this.#log[0];
    if (left === 0 || oldest === undefined) {
      assert(left === 0, () => `${left} more manifest blocks are to be compacted than there are`);
      assert(
        this.#unwritten.length <= this.pace.compactBlocksMax,
        () => `compaction closed ${this.#unwritten.length} manifest blocks`,
      );
      this.#end("compacted", callback);
      return;
    }
    this.#readBlock(oldest, (block) => {
      this.#log.shift();
      this.#compactEntries(oldest, block);
      this.#store.release(oldest.address);
      this.#compactNext(left - 1, callback);
    });
  }

  #compactEntries(reference: BlockReference, block: Block): void {
    const entryCount = entryCountOf(block);
    let droppedCount = 0;
    for (let entry = 0; entry < entryCount; entry += 1) {
      const table = entryPointer(block, entry);
      const latest =
        this.#infos.event(table) !== ManifestEvent.remove &&
        this.extents.isAt(this.#infos.addressPointer(table), reference.address, entry);
      if (latest) this.#append(table);
      else droppedCount += 1;
    }
    this.#observer?.compacted(reference, droppedCount, entryCount);
  }

  /** Appends an entry as it is, whatever the log has of its table. */
  #append(table: Pointer): void {
    const fault = this.#infos.invalid(table, this.pace.config.cluster.lsmLevels);
    assert(fault === null, () => `an entry of table ${this.#infos.address(table)} is appended: ${fault}`);
    const open = this.#open ?? this.#begin();
    const { block, address, entryCount } = open;
    this.#infos.copy(entryPointer(block, entryCount), table);
    const addressPointer = this.#infos.addressPointer(table);
    const event = this.#infos.event(table) as ManifestEvent;
    if (event === ManifestEvent.remove) this.extents.remove(addressPointer);
    else this.extents.set(addressPointer, address, entryCount);
    open.entryCount += 1;
    this.#observer?.appended(event, table);
    if (open.entryCount === this.pace.entriesPerBlock) this.#close(open);
  }

  /** The address comes now, not when the block is full: extents name it. */
  #begin(): OpenBlock {
    assert(this.#reservation !== null, "an entry is appended without a reservation");
    const address = this.#store.acquire(this.#reservation);
    const block = this.#store.lendBlock();
    block.buffer.fill(0);
    this.#store.beginBlock(block, address, BlockType.manifest, 0);
    this.#open = { block, address, entryCount: 0 };
    return this.#open;
  }

  #close({ block, entryCount }: OpenBlock): void {
    assert(entryCount > 0 && entryCount <= this.pace.entriesPerBlock, () => `${entryCount} entries are closed`);
    const previous = this.#log.at(-1) ?? NO_BLOCK;
    const metadata = block.metadata(ManifestMetadata);
    metadata.previousManifestBlockChecksum = previous.checksum;
    metadata.previousManifestBlockAddress = previous.address;
    metadata.entryCount = entryCount;
    this.#store.sealBlockNow(block, manifestBlockSize(entryCount));
    const reference = block.reference();
    this.#log.push(reference);
    this.#unwritten.push(block);
    this.#open = null;
    assert(
      this.#unwritten.length < this.pace.buffersMax && this.#log.length <= this.pace.logBlocksMax,
      () =>
        `${this.#unwritten.length} manifest blocks to write, ${this.#log.length} of ${this.pace.logBlocksMax} blocks`,
    );
    this.#observer?.closed(reference, entryCount);
  }

  /** Writes all closed blocks and waits for them. The callback never runs from inside the call. */
  #flush(callback: () => void): void {
    assert(this.#afterWrites === null && this.#writesRunning === 0, "the manifest log is being written");
    if (this.#unwritten.length === 0) {
      this.#store.nextTick(callback);
      return;
    }
    this.#afterWrites = callback;
    for (const block of this.#unwritten.splice(0)) {
      const write = this.#writesFree.pop();
      assert(write !== undefined, "more manifest blocks are written than a half-bar closes");
      this.#store.createBlock(write, block);
      block.release();
    }
  }

  get #writesRunning(): number {
    return this.#writes.length - this.#writesFree.length;
  }

  #onWritten(write: BlockWrite): void {
    this.#writesFree.push(write);
    if (this.#writesRunning > 0) return;
    const callback = this.#afterWrites;
    assert(callback !== null, "nobody waits for the manifest log to be written");
    this.#afterWrites = null;
    callback();
  }

  #readBlock(reference: BlockReference, callback: (block: Block) => void): void {
    assert(this.#onReadBlock === null, "the manifest log reads one block at a time");
    this.#onReadBlock = callback;
    this.#store.readBlock(this.#read, reference);
  }

  #onRead(block: Block | string): void {
    const callback = this.#onReadBlock;
    assert(callback !== null, "nothing is read");
    assert(typeof block !== "string", () => `a manifest block of the current checkpoint: ${block as string}`);
    const fault = manifestBlockInvalid(block, this.#infos, this.pace.config);
    assert(fault === null, () => `manifest block ${block.header.address}: ${fault}`);
    this.#onReadBlock = null;
    callback(block);
  }

  #transition(next: ManifestLogState): void {
    assert(TRANSITIONS[this.#state].includes(next), () => `the manifest log goes from ${this.#state} to ${next}`);
    this.#state = next;
  }

  #end(next: ManifestLogState, callback: () => void): void {
    this.#transition(next);
    callback();
  }
}
