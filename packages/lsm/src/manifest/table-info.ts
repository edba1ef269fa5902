/**
 * What the manifest knows of a table: 128 bytes, in memory as in the manifest log (spec 05 §5.4).
 *
 * @module
 */
import { assert, keySlotSizeBytes, type LinearMemory, type Pointer } from "@stagbeetle/kernels";
import {
  fatal,
  FatalReason,
  isSafeU64,
  readU128,
  readU53,
  recordClass,
  type RecordClass,
  type RecordOf,
  writeU53,
} from "@stagbeetle/vsr-protocol";
import { compareKeys, type KeyPointer } from "../key.ts";

/** The size of a table info in bytes. */
export const TABLE_INFO_SIZE_BYTES = 128;

/** Where the fields of a table info are. Keys are the little-endian bytes of key integers, padded with zeros. */
export const TABLE_INFO_LAYOUT = {
  keyMin: { type: "bytes", offset: 0, size: 32 },
  keyMax: { type: "bytes", offset: 32, size: 32 },
  /** Of the header of the index block. */
  checksum: { type: "u128", offset: 64 },
  checksumPadding: { type: "u128", offset: 80 },
  /** Of the index block. */
  address: { type: "u53", offset: 96 },
  snapshotMin: { type: "u53", offset: 104 },
  /** 2^64 − 1 while the table is live. */
  snapshotMax: { type: "u64", offset: 112 },
  valueCount: { type: "u32", offset: 120 },
  treeId: { type: "u16", offset: 124 },
  /** Bits 0 to 5: the level; bits 6 and 7: a {@link ManifestEvent}. */
  label: { type: "u8", offset: 126 },
  reserved: { type: "u8", offset: 127 },
} as const;

/** A table info in any bytes, field by field: for tools and tests. The forest itself uses {@link TableInfoView}. */
export type TableInfo = RecordOf<typeof TABLE_INFO_LAYOUT>;
export const TableInfo: RecordClass<typeof TABLE_INFO_LAYOUT> = recordClass(TABLE_INFO_SIZE_BYTES, TABLE_INFO_LAYOUT);

const KEY_MAX: number = TABLE_INFO_LAYOUT.keyMax.offset;
const CHECKSUM: number = TABLE_INFO_LAYOUT.checksum.offset;
const CHECKSUM_SIZE_BYTES = 16;
const CHECKSUM_PADDING: number = TABLE_INFO_LAYOUT.checksumPadding.offset;
const ADDRESS: number = TABLE_INFO_LAYOUT.address.offset;
const SNAPSHOT_MIN: number = TABLE_INFO_LAYOUT.snapshotMin.offset;
const SNAPSHOT_MAX: number = TABLE_INFO_LAYOUT.snapshotMax.offset;
const VALUE_COUNT: number = TABLE_INFO_LAYOUT.valueCount.offset;
const TREE_ID: number = TABLE_INFO_LAYOUT.treeId.offset;
const LABEL: number = TABLE_INFO_LAYOUT.label.offset;
const RESERVED: number = TABLE_INFO_LAYOUT.reserved.offset;

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

  /** Whether the checksum of the index block is known: none is 0. */
  hasChecksum(table: Pointer): boolean {
    const { u32 } = this.#memory;
    const at = (table + CHECKSUM) >>> 2;
    return u32[at] !== 0 || u32[at + 1] !== 0 || u32[at + 2] !== 0 || u32[at + 3] !== 0;
  }

  /** Gives a new table the checksum of its index block, whose header begins at `index`. */
  setChecksum(table: Pointer, index: Pointer): void {
    assert(!this.hasChecksum(table), () => `table ${this.address(table)} gets two checksums`);
    this.#memory.bytes.copyWithin(table + CHECKSUM, index, index + CHECKSUM_SIZE_BYTES);
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
    assert(snapshot > this.snapshotMin(table), () => `table ${this.address(table)} ends at ${snapshot}`);
    writeU53(this.#memory.view, table + SNAPSHOT_MAX, snapshot);
  }

  visible(table: Pointer, snapshot: number): boolean {
    return this.snapshotMin(table) <= snapshot && (this.isLive(table) || snapshot <= this.snapshotMax(table));
  }

  valueCount(table: Pointer): number {
    return this.#memory.view.getUint32(table + VALUE_COUNT, true);
  }

  treeId(table: Pointer): number {
    return this.#memory.view.getUint16(table + TREE_ID, true);
  }

  /** The level of the table's last entry in the manifest log, which is where the table is. */
  level(table: Pointer): number {
    return this.#memory.view.getUint8(table + LABEL) & LEVEL_MASK;
  }

  /** The event as it is stored: 0 is none. */
  event(table: Pointer): number {
    return this.#memory.view.getUint8(table + LABEL) >>> EVENT_SHIFT;
  }

  setLabel(table: Pointer, event: ManifestEvent, level: number): void {
    assert(Number.isInteger(level) && level >= 0 && level <= LEVEL_MASK, () => `level ${level}`);
    this.#memory.view.setUint8(table + LABEL, (event << EVENT_SHIFT) | level);
  }

  copy(target: Pointer, source: Pointer): void {
    this.#memory.bytes.copyWithin(target, source, source + TABLE_INFO_SIZE_BYTES);
  }

  /** Makes the bytes those of a new live table without a checksum; the keys are copied from where they are. */
  init(table: Pointer, values: TableInfoValues): void {
    const { address, snapshotMin, valueCount, treeId } = values;
    assert(address > 0 && snapshotMin > 0, () => `table ${address} of snapshot ${snapshotMin}`);
    assert(valueCount > 0 && treeId > 0, () => `table ${address} of tree ${treeId} has ${valueCount} values`);
    const { view, bytes } = this.#memory;
    bytes.fill(0, table, table + TABLE_INFO_SIZE_BYTES);
    bytes.copyWithin(table, values.keyMin, values.keyMin + keySlotSizeBytes);
    bytes.copyWithin(table + KEY_MAX, values.keyMax, values.keyMax + keySlotSizeBytes);
    writeU53(view, table + ADDRESS, address);
    writeU53(view, table + SNAPSHOT_MIN, snapshotMin);
    bytes.fill(0xff, table + SNAPSHOT_MAX, table + SNAPSHOT_MAX + 8);
    view.setUint32(table + VALUE_COUNT, valueCount, true);
    view.setUint16(table + TREE_ID, treeId, true);
    assert(compareKeys(this.#memory.u32, table, table + KEY_MAX) <= 0, () => `table ${address} ends before it begins`);
  }

  /** Why the bytes are no entry of a manifest log of a forest with `levelCount` levels, or null. Safe on any bytes. */
  invalid(table: Pointer, levelCount: number): string | null {
    const { view, u32 } = this.#memory;
    if (compareKeys(u32, table, table + KEY_MAX) > 0) return "key_max is below key_min";
    const padding = (table + CHECKSUM_PADDING) >>> 2;
    if (u32[padding] || u32[padding + 1] || u32[padding + 2] || u32[padding + 3]) return "checksum_padding is not zero";
    if (!isSafeU64(view, table + ADDRESS) || this.address(table) === 0) return "address is out of range";
    if (!isSafeU64(view, table + SNAPSHOT_MIN) || this.snapshotMin(table) === 0) return "snapshot_min is out of range";
    if (!this.isLive(table)) {
      if (!isSafeU64(view, table + SNAPSHOT_MAX)) return "snapshot_max is out of range";
      if (this.snapshotMax(table) <= this.snapshotMin(table)) return "snapshot_max is not above snapshot_min";
    }
    if (this.valueCount(table) === 0) return "value_count is 0";
    if (this.treeId(table) === 0) return "tree_id is 0";
    if (this.event(table) === 0) return "event is reserved";
    if (this.level(table) >= levelCount) return `level is ${this.level(table)}`;
    if (view.getUint8(table + RESERVED) !== 0) return "reserved is not zero";
    return null;
  }

  /** One line for people, and what traces say of a table. */
  describe(table: Pointer): string {
    const checksum = this.checksum(table).toString(16).padStart(32, "0");
    const snapshotMax = this.#memory.view.getBigUint64(table + SNAPSHOT_MAX, true);
    return (
      `level=${this.level(table)} tree=${this.treeId(table)} checksum=${checksum} address=${this.address(table)} ` +
      `snapshot=${this.snapshotMin(table)}..${snapshotMax}`
    );
  }
}

/** A new table. */
export interface TableInfoValues {
  readonly keyMin: KeyPointer;
  readonly keyMax: KeyPointer;
  readonly address: number;
  readonly snapshotMin: number;
  readonly valueCount: number;
  readonly treeId: number;
}

/**
 * Room for a fixed number of table infos, shared by all trees. Pages of infos that were never given out are never touched,
 * so the room for the most tables that a forest can have costs address space only.
 */
export class TableInfoPool {
  readonly capacity: number;
  readonly #memory: LinearMemory;
  readonly #begin: Pointer;
  /** The info that was given back last; its first four bytes point to the one before it. */
  #free: Pointer = 0;
  /** How many infos were ever given out: the first ones. */
  #touchedCount = 0;
  #usedCount = 0;

  /** Allocates 128 bytes an info. */
  constructor(memory: LinearMemory, capacity: number) {
    assert(Number.isInteger(capacity) && capacity > 0, () => `a manifest of ${capacity} tables`);
    this.capacity = capacity;
    this.#memory = memory;
    this.#begin = memory.allocate(capacity * TABLE_INFO_SIZE_BYTES, 64, "manifest");
  }

  /** How many infos are in use. */
  get usedCount(): number {
    return this.#usedCount;
  }

  /**
   * An info, with the bytes of an earlier use.
   *
   * @throws FatalError (status 3) if all are in use.
   */
  allocate(): Pointer {
    if (this.#usedCount === this.capacity) {
      fatal(
        FatalReason.manifestNodePoolExhausted,
        `the manifest has room for ${this.capacity} tables only: start with a larger --memory-lsm-manifest`,
      );
    }
    this.#usedCount += 1;
    const table = this.#free;
    if (table !== 0) {
      this.#free = this.#memory.view.getUint32(table, true);
      return table;
    }
    this.#touchedCount += 1;
    return this.#begin + (this.#touchedCount - 1) * TABLE_INFO_SIZE_BYTES;
  }

  free(table: Pointer): void {
    const offset = table - this.#begin;
    assert(
      offset >= 0 && offset % TABLE_INFO_SIZE_BYTES === 0 && offset < this.#touchedCount * TABLE_INFO_SIZE_BYTES,
      () => `${table} is no table info of this pool`,
    );
    assert(this.#usedCount > 0, "a table info is freed twice");
    this.#usedCount -= 1;
    this.#memory.view.setUint32(table, this.#free, true);
    this.#free = table;
  }

  /** All are free again. */
  reset(): void {
    this.#free = 0;
    this.#touchedCount = 0;
    this.#usedCount = 0;
  }
}
