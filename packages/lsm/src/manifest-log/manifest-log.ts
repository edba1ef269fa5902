/**
 * The manifest on disk: a log of what happened to the tables of all trees, as a chain of blocks (spec 05 §13).
 *
 * ```text
 *   oldest ◀── … ◀── newest ◀── closed, not yet written ◀── open
 * ```
 *
 * Entries go to the open block. At the end of each half-bar some of the oldest blocks are compacted: entries that are still the
 * latest of their table are appended again, the others are dropped, and the block is released.
 *
 * @module
 */
import { type Block, BlockRead, BlockWrite, ManifestMetadata, type Reservation } from "@stagbeetle/grid";
import { assert, type Kernels, type Pointer } from "@stagbeetle/kernels";
import {
  type BlockReference,
  BlockType,
  HEADER_SIZE_BYTES,
  MANIFEST_EMPTY,
  type ManifestReferences,
  NO_BLOCK,
} from "@stagbeetle/vsr-protocol";
import type { BlockStore } from "../block-store.ts";
import { ManifestEvent, TABLE_INFO_SIZE_BYTES, TableInfoView } from "../manifest/table-info.ts";
import type { ManifestPace } from "./pace.ts";
import { TableExtents } from "./table-extents.ts";

/** Sees what the log does, for traces and tests. */
export interface ManifestLogObserver {
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
type LogState = "closed" | "opening" | "idle" | "compacting" | "compacted" | "checkpointing";

const TRANSITIONS: Readonly<Record<LogState, readonly LogState[]>> = {
  closed: ["opening"],
  opening: ["idle", "closed"],
  idle: ["compacting", "checkpointing", "closed"],
  compacting: ["compacted", "closed"],
  compacted: ["idle", "closed"],
  checkpointing: ["idle", "closed"],
};

/** The block that entries are appended to. */
interface OpenBlock {
  readonly block: Block;
  readonly address: number;
  entryCount: number;
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
  #state: LogState = "closed";
  #open: OpenBlock | null = null;
  #reservation: Reservation | null = null;
  #writesRunning = 0;
  #afterWrites: (() => void) | null = null;
  #onReadBlock: ((block: Block) => void) | null = null;

  constructor({ kernels, store, pace, observer }: ManifestLogOptions) {
    this.pace = pace;
    this.extents = new TableExtents(kernels, pace.tablesMax);
    this.#store = store;
    this.#infos = new TableInfoView(kernels.memory);
    this.#observer = observer ?? null;
    this.#read = new BlockRead((_, block) => this.#onRead(block as Block));
    this.#writes = Array.from({ length: pace.buffersMax }, () => new BlockWrite((write) => this.#onWritten(write)));
    this.#writesFree = [...this.#writes];
  }

  /** Where the log is, for the superblock; only right after a checkpoint or open. */
  references(): ManifestReferences {
    assert(this.#open === null && this.#unwritten.length === 0, "the manifest log is not written");
    const oldest = this.#log[0];
    const newest = this.#log.at(-1);
    if (oldest === undefined || newest === undefined) return MANIFEST_EMPTY;
    return { oldest, newest, blockCount: this.#log.length };
  }

  /**
   * Reads the log from its newest block to its oldest. `onTable` gets the latest entry of each live table, whose bytes are good
   * during the call.
   */
  open(references: ManifestReferences, onTable: (table: Pointer) => void, callback: () => void): void {
    this.#transition("opening");
    assert(this.#log.length === 0 && this.extents.count === 0, "the manifest log is opened once");
    if (references.blockCount === 0) {
      this.#store.nextTick(() => this.#openDone(callback));
      return;
    }
    assert(references.blockCount <= this.pace.logBlocksMax, () => `a manifest log of ${references.blockCount} blocks`);
    this.#openBlock(references, references.newest, new Set(), onTable, callback);
  }

  /** Compacts some of the oldest blocks; their places in the grid are reserved before this returns. */
  compact(callback: () => void): void {
    this.#transition("compacting");
    const written = this.#log.length - this.#unwritten.length;
    const count = Math.min(this.pace.halfBarCompactBlocks(this.#log.length, this.extents.count), written);
    this.#reservation = this.#store.reserve(count + this.pace.appendBlocksMax);
    this.#flush(() => this.#compactNext(count, callback));
  }

  /** Appends what happened to a table that has a new entry. Between `compact` and `compactEnd`. */
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
    assert(
      this.#log.length <= this.pace.logBlocksMax,
      () => `a manifest log of ${this.#log.length} blocks: at most ${this.pace.logBlocksMax}`,
    );
  }

  /** Writes everything, a partial block too. The references are those of a checkpoint then. */
  checkpoint(callback: () => void): void {
    this.#transition("checkpointing");
    if (this.#open !== null) this.#close(this.#open);
    this.#flush(() => {
      this.#transition("idle");
      callback();
    });
  }

  /** Whether nothing waits to be written. */
  get empty(): boolean {
    return this.#open === null && this.#unwritten.length === 0;
  }

  /** Forgets everything, before a state sync. Reads and writes under way were cancelled by the grid. */
  reset(): void {
    this.#transition("closed");
    this.#open?.block.release();
    this.#open = null;
    for (const block of this.#unwritten.splice(0)) block.release();
    this.#log.length = 0;
    this.extents.clear();
    this.#reservation = null;
    this.#writesFree.splice(0, Infinity, ...this.#writes);
    this.#writesRunning = 0;
    this.#afterWrites = null;
    this.#onReadBlock = null;
  }

  /** One line for people. */
  describe(): string {
    const open =
      this.#open === null ? "no open block" : `${this.#open.entryCount} entries in block ${this.#open.address}`;
    return `manifest log ${this.#state}: ${this.#log.length} blocks, ${this.extents.count} tables, ${open}`;
  }

  #openBlock(
    references: ManifestReferences,
    block: BlockReference,
    removed: Set<number>,
    onTable: (table: Pointer) => void,
    callback: () => void,
  ): void {
    this.#readBlock(block, (content) => {
      this.#log.unshift(block);
      this.#openEntries(content, removed, onTable);
      const { previousManifestBlockChecksum: checksum, previousManifestBlockAddress: address } =
        content.metadata(ManifestMetadata);
      if (block.address !== references.oldest.address) {
        assert(this.#log.length < references.blockCount, () => `more than ${references.blockCount} manifest blocks`);
        this.#openBlock(references, { checksum, address }, removed, onTable, callback);
        return;
      }
      assert(block.checksum === references.oldest.checksum, () => `manifest block ${block.address} is another`);
      assert(
        this.#log.length === references.blockCount,
        () => `${this.#log.length} of ${references.blockCount} blocks`,
      );
      this.#openDone(callback);
    });
  }

  /** Later entries hide earlier ones, so the last comes first. */
  #openEntries(block: Block, removed: Set<number>, onTable: (table: Pointer) => void): void {
    for (let entry = block.metadata(ManifestMetadata).entryCount - 1; entry >= 0; entry -= 1) {
      const table = entryPointer(block, entry);
      const address = this.#infos.address(table);
      const event = this.#infos.event(table);
      assert(event !== 0, () => `entry ${entry} of manifest block ${block.header.address} has no event`);
      if (event === ManifestEvent.remove) {
        assert(!removed.has(address), () => `table ${address} is removed twice`);
        removed.add(address);
      } else if (removed.has(address)) {
        // An older table may have had the same address.
        if (event === ManifestEvent.insert) removed.delete(address);
      } else if (!this.extents.has(this.#infos.addressPointer(table))) {
        this.extents.set(this.#infos.addressPointer(table), block.header.address, entry);
        onTable(table);
      }
    }
  }

  #openDone(callback: () => void): void {
    this.#transition("idle");
    callback();
  }

  #compactNext(left: number, callback: () => void): void {
    const oldest = this.#log[0];
    if (left === 0 || oldest === undefined) {
      this.#transition("compacted");
      callback();
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
    const { entryCount } = block.metadata(ManifestMetadata);
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

  #append(table: Pointer): void {
    const open = this.#open ?? this.#begin();
    const { block, address, entryCount } = open;
    this.#infos.copy(entryPointer(block, entryCount), table);
    const addressPointer = this.#infos.addressPointer(table);
    const event = this.#infos.event(table) as ManifestEvent;
    if (event === ManifestEvent.remove) this.extents.remove(addressPointer);
    else this.extents.set(addressPointer, address, entryCount);
    this.#observer?.appended(event, table);
    open.entryCount += 1;
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
    assert(entryCount > 0, "an empty manifest block is closed");
    const previous = this.#log.at(-1) ?? NO_BLOCK;
    const metadata = block.metadata(ManifestMetadata);
    metadata.previousManifestBlockChecksum = previous.checksum;
    metadata.previousManifestBlockAddress = previous.address;
    metadata.entryCount = entryCount;
    this.#store.sealBlock(block, HEADER_SIZE_BYTES + entryCount * TABLE_INFO_SIZE_BYTES);
    const reference = block.reference();
    this.#log.push(reference);
    this.#unwritten.push(block);
    this.#open = null;
    this.#observer?.closed(reference, entryCount);
  }

  /** Writes all closed blocks and waits for them. */
  #flush(callback: () => void): void {
    assert(this.#afterWrites === null && this.#writesRunning === 0, "the manifest log is being written");
    for (const block of this.#unwritten.splice(0)) {
      const write = this.#writesFree.pop();
      assert(write !== undefined, "more manifest blocks are written than a half-bar closes");
      this.#writesRunning += 1;
      this.#store.createBlock(write, block);
      block.release();
    }
    if (this.#writesRunning > 0) this.#afterWrites = callback;
    else this.#store.nextTick(callback);
  }

  #onWritten(write: BlockWrite): void {
    this.#writesFree.push(write);
    this.#writesRunning -= 1;
    if (this.#writesRunning > 0) return;
    const callback = this.#afterWrites;
    this.#afterWrites = null;
    callback?.();
  }

  #readBlock(reference: BlockReference, callback: (block: Block) => void): void {
    assert(this.#onReadBlock === null, "the manifest log reads one block at a time");
    this.#onReadBlock = callback;
    this.#store.readBlock(this.#read, reference);
  }

  #onRead(block: Block): void {
    const callback = this.#onReadBlock;
    assert(callback !== null, "nothing is read");
    assert(block.header.blockType === BlockType.manifest, () => `block ${block.header.address} is no manifest block`);
    this.#onReadBlock = null;
    callback(block);
  }

  #transition(next: LogState): void {
    assert(TRANSITIONS[this.#state].includes(next), () => `the manifest log goes from ${this.#state} to ${next}`);
    this.#state = next;
  }
}

function entryPointer(block: Block, entry: number): Pointer {
  return block.pointer + HEADER_SIZE_BYTES + entry * TABLE_INFO_SIZE_BYTES;
}
