/**
 * What the manifest knows of a table: 128 bytes, in memory as in the manifest log (spec 05 §5.4).
 *
 * @module
 */
import { assert, type LinearMemory, type Pointer } from "@stagbeetle/kernels";
import { fatal, FatalReason, readU128, readU53, writeU53 } from "@stagbeetle/vsr-protocol";
import type { KeyPointer } from "../key.ts";

/** The size of a table info in bytes. */
export const TABLE_INFO_SIZE_BYTES = 128;

const KEY_MAX = 32;
const CHECKSUM = 64;
const ADDRESS = 96;
const SNAPSHOT_MIN = 104;
const SNAPSHOT_MAX = 112;
const VALUE_COUNT = 120;
const TREE_ID = 124;
const LABEL = 126;

/** What a manifest log entry says has happened to a table. */
export const ManifestEvent = { insert: 1, update: 2, remove: 3 } as const;
export type ManifestEvent = (typeof ManifestEvent)[keyof typeof ManifestEvent];

const EVENT_SHIFT = 6;
const LEVEL_MASK = 0x3f;
const ALL_ONES = 0xffff_ffff;

/** Reads and writes table infos in one memory. A table info is a pointer to its 128 bytes, at a multiple of 16. */
export class TableInfoView {
  readonly #memory: LinearMemory;

  constructor(memory: LinearMemory) {
    this.#memory = memory;
  }

  keyMin(table: Pointer): KeyPointer {
    return table;
  }

  keyMax(table: Pointer): KeyPointer {
    return table + KEY_MAX;
  }

  /** Where the address is, as a u64. */
  addressPointer(table: Pointer): Pointer {
    return table + ADDRESS;
  }

  /** Where the checksum of the index block is. */
  checksumPointer(table: Pointer): Pointer {
    return table + CHECKSUM;
  }

  /** The checksum of the index block. */
  checksum(table: Pointer): bigint {
    return readU128(this.#memory.view, table + CHECKSUM);
  }

  /** The address of the index block. */
  address(table: Pointer): number {
    return readU53(this.#memory.view, table + ADDRESS);
  }

  snapshotMin(table: Pointer): number {
    return readU53(this.#memory.view, table + SNAPSHOT_MIN);
  }

  /** Whether no compaction has replaced the table: it is visible to every snapshot from its first on. */
  isLive(table: Pointer): boolean {
    const { u32 } = this.#memory;
    return u32[(table + SNAPSHOT_MAX) >>> 2] === ALL_ONES && u32[(table + SNAPSHOT_MAX + 4) >>> 2] === ALL_ONES;
  }

  /** The last snapshot that sees the table, for tables that are not live. */
  snapshotMax(table: Pointer): number {
    return readU53(this.#memory.view, table + SNAPSHOT_MAX);
  }

  setSnapshotMax(table: Pointer, snapshot: number): void {
    assert(this.isLive(table), () => `table ${this.address(table)} is replaced twice`);
    assert(snapshot >= this.snapshotMin(table), () => `table ${this.address(table)} ends at ${snapshot}`);
    writeU53(this.#memory.view, table + SNAPSHOT_MAX, snapshot);
  }

  visible(table: Pointer, snapshot: number): boolean {
    return this.snapshotMin(table) <= snapshot && (this.isLive(table) || snapshot <= this.snapshotMax(table));
  }

  valueCount(table: Pointer): number {
    return this.#memory.u32[(table + VALUE_COUNT) >>> 2] as number;
  }

  treeId(table: Pointer): number {
    return this.#memory.view.getUint16(table + TREE_ID, true);
  }

  level(table: Pointer): number {
    return (this.#memory.bytes[table + LABEL] as number) & LEVEL_MASK;
  }

  /** The event as it is stored: 0 is none. */
  event(table: Pointer): number {
    return (this.#memory.bytes[table + LABEL] as number) >>> EVENT_SHIFT;
  }

  setLabel(table: Pointer, event: ManifestEvent, level: number): void {
    assert(level >= 0 && level <= LEVEL_MASK, () => `level ${level}`);
    this.#memory.bytes[table + LABEL] = (event << EVENT_SHIFT) | level;
  }

  copy(target: Pointer, source: Pointer): void {
    this.#memory.bytes.copyWithin(target, source, source + TABLE_INFO_SIZE_BYTES);
  }

  /** Makes the bytes those of a new live table; the keys and the checksum are copied from where they are. */
  init(table: Pointer, values: TableInfoValues): void {
    const { view, bytes } = this.#memory;
    bytes.fill(0, table, table + TABLE_INFO_SIZE_BYTES);
    bytes.copyWithin(table, values.keyMin, values.keyMin + 32);
    bytes.copyWithin(table + KEY_MAX, values.keyMax, values.keyMax + 32);
    bytes.copyWithin(table + CHECKSUM, values.checksum, values.checksum + 16);
    writeU53(view, table + ADDRESS, values.address);
    writeU53(view, table + SNAPSHOT_MIN, values.snapshotMin);
    bytes.fill(0xff, table + SNAPSHOT_MAX, table + SNAPSHOT_MAX + 8);
    view.setUint32(table + VALUE_COUNT, values.valueCount, true);
    view.setUint16(table + TREE_ID, values.treeId, true);
  }

  /** One line for people, and what traces say of a table. */
  describe(table: Pointer, level: number): string {
    const checksum = this.checksum(table).toString(16).padStart(32, "0");
    const snapshotMax = this.#memory.view.getBigUint64(table + SNAPSHOT_MAX, true);
    return (
      `level=${level} tree=${this.treeId(table)} checksum=${checksum} address=${this.address(table)} ` +
      `snapshot=${this.snapshotMin(table)}..${snapshotMax}`
    );
  }
}

/** A new table. */
export interface TableInfoValues {
  readonly keyMin: KeyPointer;
  readonly keyMax: KeyPointer;
  /** Where the checksum of the index block is. */
  readonly checksum: Pointer;
  readonly address: number;
  readonly snapshotMin: number;
  readonly valueCount: number;
  readonly treeId: number;
}

/** Room for a fixed number of table infos, shared by all trees. */
export class TableInfoPool {
  readonly capacity: number;
  readonly #begin: Pointer;
  /** Infos that were given back. */
  readonly #free: Uint32Array;
  #freeCount = 0;
  /** Infos that were never given out: from here on, so that pages that nobody needs are never touched. */
  #next = 0;

  constructor(memory: LinearMemory, capacity: number) {
    this.capacity = capacity;
    this.#begin = memory.allocate(capacity * TABLE_INFO_SIZE_BYTES, 64, "manifest");
    const free = memory.allocate(capacity * 4, 64, "manifest");
    this.#free = memory.u32.subarray(free / 4, free / 4 + capacity);
  }

  /** @throws FatalError if all are in use. */
  allocate(): Pointer {
    if (this.#freeCount > 0) {
      this.#freeCount -= 1;
      return this.#free[this.#freeCount] as number;
    }
    if (this.#next === this.capacity) {
      fatal(
        FatalReason.manifestNodePoolExhausted,
        `the manifest has room for ${this.capacity} tables only: start with a larger --memory-lsm-manifest`,
      );
    }
    this.#next += 1;
    return this.#begin + (this.#next - 1) * TABLE_INFO_SIZE_BYTES;
  }

  free(table: Pointer): void {
    assert(this.#freeCount < this.#next, "a table info is freed twice");
    this.#free[this.#freeCount] = table;
    this.#freeCount += 1;
  }

  /** All are free again. */
  reset(): void {
    this.#freeCount = 0;
    this.#next = 0;
  }
}
