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

type FieldValue<Type extends FieldType> = Type extends "u64" | "u128" ? bigint : Type extends "bytes" ? Uint8Array : number;

/** What every record view carries besides its fields. */
export interface RecordView {
  /** The memory that holds the record. */
  readonly buffer: Uint8Array;
  /** The same memory as `buffer`. */
  readonly dataView: DataView;
  /** Where the record begins in `buffer`, in bytes. */
  readonly offset: number;
  /**
   * Makes this the view of the record at another offset of `buffer`, for loops over many records. Only for views that
   * nobody else keeps.
   *
   * @throws AssertionError if the record does not fit in the buffer.
   */
  moveTo(offset: number): this;
}

/** A record view with one property for each field of `Fields`. Assigning to a `bytes` field copies into it. */
export type RecordOf<Fields extends Layout> = RecordView & { -readonly [Name in keyof Fields]: FieldValue<Fields[Name]["type"]> };

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

function readField(record: RecordView, field: Field): number | bigint | Uint8Array {
  const at = record.offset + field.offset;
  switch (field.type) {
    case "u8":
      return record.dataView.getUint8(at);
    case "u16":
      return record.dataView.getUint16(at, true);
    case "u32":
      return record.dataView.getUint32(at, true);
    case "u53":
      return readU53(record.dataView, at);
    case "u64":
      return record.dataView.getBigUint64(at, true);
    case "u128":
      return readU128(record.dataView, at);
    case "bytes":
      return record.buffer.subarray(at, at + field.size);
  }
}

function writeField(record: RecordView, field: Field, value: number | bigint | Uint8Array): void {
  const at = record.offset + field.offset;
  switch (field.type) {
    case "u8":
      assert(typeof value === "number" && value >>> 0 === value && value <= 0xff, () => `not a u8: ${String(value)}`);
      record.dataView.setUint8(at, value);
      return;
    case "u16":
      assert(typeof value === "number" && value >>> 0 === value && value <= 0xffff, () => `not a u16: ${String(value)}`);
      record.dataView.setUint16(at, value, true);
      return;
    case "u32":
      assert(typeof value === "number" && value >>> 0 === value, () => `not a u32: ${String(value)}`);
      record.dataView.setUint32(at, value, true);
      return;
    case "u53":
      assert(typeof value === "number", () => `not a number: ${String(value)}`);
      writeU53(record.dataView, at, value);
      return;
    case "u64":
      assert(typeof value === "bigint" && value >= 0n && value >> 64n === 0n, () => `not a u64: ${String(value)}`);
      record.dataView.setBigUint64(at, value, true);
      return;
    case "u128":
      assert(typeof value === "bigint", () => `not a bigint: ${String(value)}`);
      writeU128(record.dataView, at, value);
      return;
    case "bytes":
      assert(value instanceof Uint8Array && value.length === field.size, () => `not ${field.size} bytes`);
      record.buffer.set(value, at);
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
    readonly buffer: Uint8Array;
    readonly dataView: DataView;
    offset: number;
    constructor(buffer: Uint8Array, offset = 0) {
      assert(offset >= 0 && offset + sizeBytes <= buffer.length, () => `record of ${sizeBytes} bytes at ${offset} of ${buffer.length}`);
      this.buffer = buffer;
      this.dataView = new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength);
      this.offset = offset;
    }
    moveTo(offset: number): this {
      assert(offset >= 0 && offset + sizeBytes <= this.buffer.length, () => `record of ${sizeBytes} bytes at ${offset} of ${this.buffer.length}`);
      this.offset = offset;
      return this;
    }
  }
  let end = 0;
  for (const [name, field] of Object.entries(fields)) {
    assert(field.offset >= end, () => `field ${name} at ${field.offset} overlaps the field before it, which ends at ${end}`);
    end = field.offset + fieldSizeBytes(field);
    assert(end <= sizeBytes, () => `field ${name} ends at ${end}, after the record of ${sizeBytes} bytes`);
    Object.defineProperty(Record.prototype, name, {
      enumerable: true,
      get(this: RecordView) {
        return readField(this, field);
      },
      set(this: RecordView, value: number | bigint | Uint8Array) {
        writeField(this, field, value);
      },
    });
  }
  // The accessors were defined one by one, which the compiler cannot follow.
  return Record as unknown as RecordClass<Fields>;
}
