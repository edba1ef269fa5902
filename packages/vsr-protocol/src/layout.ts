/**
 * Records: fixed layouts over bytes.
 *
 * A record is never a JavaScript object with copied fields. It is a view: one layout table names each field, its type
 * and its offset, and drives the accessors, the printed form and the tests against the specification.
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";

/**
 * How a field is stored (always little-endian) and what it is in TypeScript.
 *
 * `u53` is a u64 on the wire whose values are safe integers in every valid record: ops, commits, counts, addresses.
 * `bytes` is a byte range seen as it is.
 */
export type FieldType = "u8" | "u16" | "u32" | "u53" | "u64" | "u128" | "bytes";

/** One field of a layout: its type, its offset in bytes and, for `bytes` only, its size in bytes. */
export type Field =
  | { readonly type: Exclude<FieldType, "bytes">; readonly offset: number }
  | { readonly type: "bytes"; readonly offset: number; readonly size: number };

/** The fields of a record by name, in offset order. */
export type Layout = { readonly [name: string]: Field };

type FieldValue<Type extends FieldType> = Type extends "u64" | "u128"
  ? bigint
  : Type extends "bytes"
    ? Uint8Array
    : number;

/** What every record view carries besides its fields. */
export interface RecordView {
  /** The memory that holds the record. */
  readonly buffer: Uint8Array;
  /** The same memory as `buffer`. */
  readonly dataView: DataView;
  /** Where the record begins in `buffer`, in bytes. */
  readonly offset: number;
  /** The size of the record in bytes. */
  readonly sizeBytes: number;
  /**
   * Makes this the view of the record at another offset of `buffer`, for loops over many records. Only for views that
   * nobody else keeps.
   *
   * @throws AssertionError if the record does not fit in the buffer.
   */
  moveTo(offset: number): this;
}

/** A record view with one property for each field of `Fields`. Assigning to a `bytes` field copies into it. */
export type RecordOf<Fields extends Layout> = RecordView & {
  -readonly [Name in keyof Fields]: FieldValue<Fields[Name]["type"]>;
};

/** The constructor of a record view, with the layout that it was made from. */
export interface RecordClass<Fields extends Layout> {
  /**
   * A view of the record at `offset` of `buffer`. Nothing is copied and nothing is written.
   *
   * @throws AssertionError if the record does not fit in the buffer.
   */
  new (buffer: Uint8Array, offset?: number): RecordOf<Fields>;
  readonly layout: Fields;
  /** The size of the record in bytes. */
  readonly sizeBytes: number;
}

const U64_MAX = 0xffff_ffff_ffff_ffffn;

const FIELD_SIZE_BYTES = { u8: 1, u16: 2, u32: 4, u53: 8, u64: 8, u128: 16 } as const;

/** The size of a field in bytes. */
export function fieldSizeBytes(field: Field): number {
  return field.type === "bytes" ? field.size : FIELD_SIZE_BYTES[field.type];
}

/** Reads a u64 as a number. Exact below 2^53; decoders of foreign bytes check {@link isSafeU64} first. */
export function readU53(view: DataView, offset: number): number {
  return view.getUint32(offset + 4, true) * 0x1_0000_0000 + view.getUint32(offset, true);
}

/** Writes a safe integer as a u64. */
export function writeU53(view: DataView, offset: number, value: number): void {
  assert(Number.isSafeInteger(value) && value >= 0, () => `not a u64 that fits a safe integer: ${value}`);
  view.setUint32(offset, value >>> 0, true);
  view.setUint32(offset + 4, Math.floor(value / 0x1_0000_0000), true);
}

/** Whether the u64 at `offset` is a safe integer, that is at most 2^53 − 1. */
export function isSafeU64(view: DataView, offset: number): boolean {
  return view.getUint32(offset + 4, true) <= 0x1f_ffff;
}

/** Whether all bytes of a field are zero. Makes no `bigint` and no view. */
export function isZero(record: RecordView, field: Field): boolean {
  const end = record.offset + field.offset + fieldSizeBytes(field);
  let at = record.offset + field.offset;
  for (; at + 4 <= end; at += 4) {
    if (record.dataView.getUint32(at, true) !== 0) return false;
  }
  for (; at < end; at += 1) {
    if (record.dataView.getUint8(at) !== 0) return false;
  }
  return true;
}

/** The bytes of a record: a view, not a copy. */
export function recordBytes(record: RecordView): Uint8Array {
  return record.buffer.subarray(record.offset, record.offset + record.sizeBytes);
}

/** Reads a u128, least significant byte first. */
export function readU128(view: DataView, offset: number): bigint {
  return (view.getBigUint64(offset + 8, true) << 64n) | view.getBigUint64(offset, true);
}

/** Writes a u128, least significant byte first. */
export function writeU128(view: DataView, offset: number, value: bigint): void {
  assert(value >= 0n && value >> 128n === 0n, () => `not a u128: ${value}`);
  view.setBigUint64(offset, BigInt.asUintN(64, value), true);
  view.setBigUint64(offset + 8, value >> 64n, true);
}

let lastBuffer: Uint8Array = new Uint8Array(0);
let lastDataView: DataView = new DataView(lastBuffer.buffer);

/**
 * A `DataView` of exactly the buffer's memory. The last one is kept: many records are made over one buffer after another,
 * and a `DataView` costs more than the rest of the record.
 */
function dataViewOf(buffer: Uint8Array): DataView {
  if (buffer !== lastBuffer) {
    lastDataView = new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength);
    lastBuffer = buffer;
  }
  return lastDataView;
}

/** What `Object.defineProperty` takes for one field. `Value` is what the field is in TypeScript. */
interface Accessor<Value> {
  get(this: RecordView): Value;
  set(this: RecordView, value: Value): void;
}

// One maker a type, so that each accessor is a few instructions that the compiler inlines at every use: an accessor that
// looked its type up in the field would cost some ten times as much.

function accessorU8(at: number): Accessor<number> {
  return {
    get() {
      return this.dataView.getUint8(this.offset + at);
    },
    set(value) {
      assert(value >>> 0 === value && value <= 0xff, () => `not a u8: ${value}`);
      this.dataView.setUint8(this.offset + at, value);
    },
  };
}

function accessorU16(at: number): Accessor<number> {
  return {
    get() {
      return this.dataView.getUint16(this.offset + at, true);
    },
    set(value) {
      assert(value >>> 0 === value && value <= 0xffff, () => `not a u16: ${value}`);
      this.dataView.setUint16(this.offset + at, value, true);
    },
  };
}

function accessorU32(at: number): Accessor<number> {
  return {
    get() {
      return this.dataView.getUint32(this.offset + at, true);
    },
    set(value) {
      assert(value >>> 0 === value, () => `not a u32: ${value}`);
      this.dataView.setUint32(this.offset + at, value, true);
    },
  };
}

function accessorU53(at: number): Accessor<number> {
  return {
    get() {
      return readU53(this.dataView, this.offset + at);
    },
    set(value) {
      writeU53(this.dataView, this.offset + at, value);
    },
  };
}

function accessorU64(at: number): Accessor<bigint> {
  return {
    get() {
      return this.dataView.getBigUint64(this.offset + at, true);
    },
    set(value) {
      assert(value >= 0n && value <= U64_MAX, () => `not a u64: ${value}`);
      this.dataView.setBigUint64(this.offset + at, value, true);
    },
  };
}

function accessorU128(at: number): Accessor<bigint> {
  return {
    get() {
      return readU128(this.dataView, this.offset + at);
    },
    set(value) {
      writeU128(this.dataView, this.offset + at, value);
    },
  };
}

function accessorBytes(at: number, sizeBytes: number): Accessor<Uint8Array> {
  return {
    get() {
      return this.buffer.subarray(this.offset + at, this.offset + at + sizeBytes);
    },
    set(value) {
      assert(value.length === sizeBytes, () => `${value.length} bytes for a field of ${sizeBytes}`);
      this.buffer.set(value, this.offset + at);
    },
  };
}

function accessor(field: Field): Accessor<number> | Accessor<bigint> | Accessor<Uint8Array> {
  switch (field.type) {
    case "u8":
      return accessorU8(field.offset);
    case "u16":
      return accessorU16(field.offset);
    case "u32":
      return accessorU32(field.offset);
    case "u53":
      return accessorU53(field.offset);
    case "u64":
      return accessorU64(field.offset);
    case "u128":
      return accessorU128(field.offset);
    case "bytes":
      return accessorBytes(field.offset, field.size);
  }
}

/**
 * Makes the view class of a layout. Each field becomes an accessor that reads and writes the bytes themselves.
 *
 * @throws AssertionError if two fields overlap or one leaves the record.
 */
export function recordClass<Fields extends Layout>(sizeBytes: number, fields: Fields): RecordClass<Fields> {
  class Record implements RecordView {
    static readonly layout: Fields = fields;
    static readonly sizeBytes: number = sizeBytes;
    declare readonly sizeBytes: number;
    readonly buffer: Uint8Array;
    readonly dataView: DataView;
    offset: number;
    constructor(buffer: Uint8Array, offset = 0) {
      assert(
        offset >= 0 && offset + sizeBytes <= buffer.length,
        () => `record of ${sizeBytes} bytes at ${offset} of ${buffer.length}`,
      );
      this.buffer = buffer;
      this.dataView = dataViewOf(buffer);
      this.offset = offset;
    }
    moveTo(offset: number): this {
      assert(
        offset >= 0 && offset + sizeBytes <= this.buffer.length,
        () => `record of ${sizeBytes} bytes at ${offset} of ${this.buffer.length}`,
      );
      this.offset = offset;
      return this;
    }
  }
  Object.defineProperty(Record.prototype, "sizeBytes", { value: sizeBytes });
  let end = 0;
  for (const [name, field] of Object.entries(fields)) {
    assert(
      field.offset >= end,
      () => `field ${name} at ${field.offset} overlaps the field before it, which ends at ${end}`,
    );
    end = field.offset + fieldSizeBytes(field);
    assert(end <= sizeBytes, () => `field ${name} ends at ${end}, after the record of ${sizeBytes} bytes`);
    Object.defineProperty(Record.prototype, name, { enumerable: true, ...accessor(field) });
  }
  // The accessors were defined one by one, which the compiler cannot follow.
  return Record as unknown as RecordClass<Fields>;
}
