import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { toHex } from "../test/messages.ts";
import { isSafeU64, isZero, readU128, readU53, recordBytes, recordClass, writeU128, writeU53 } from "./layout.ts";

const FIELDS = {
  byte: { type: "u8", offset: 0 },
  short: { type: "u16", offset: 1 },
  word: { type: "u32", offset: 3 },
  count: { type: "u53", offset: 7 },
  long: { type: "u64", offset: 15 },
  id: { type: "u128", offset: 23 },
  tail: { type: "bytes", offset: 39, size: 3 },
} as const;
const Sample = recordClass(42, FIELDS);

describe("a record", () => {
  test("is little-endian and packed", () => {
    const bytes = new Uint8Array(50);
    const record = new Sample(bytes, 4);
    record.byte = 0xff;
    record.short = 0x0102;
    record.word = 0x0304_0506;
    record.count = 2 ** 53 - 1;
    record.long = 0x0708_090a_0b0c_0d0en;
    record.id = 2n ** 127n + 1n;
    record.tail = Uint8Array.of(1, 2, 3);
    expect(toHex(bytes)).toBe(
      `00000000ff020106050403ffffffffffff1f000e0d0c0b0a09080701${"00".repeat(14)}80010203${"00".repeat(4)}`,
    );
  });

  test("is a view: bytes written beside it are read through it", () => {
    const bytes = new Uint8Array(42);
    const record = new Sample(bytes);
    bytes[3] = 7;
    expect(record.word).toBe(7);
    bytes[39] = 9;
    expect(record.tail[0]).toBe(9);
  });

  test("sees only its own part of a buffer within larger memory", () => {
    const memory = new Uint8Array(100);
    const record = new Sample(memory.subarray(50), 2);
    record.byte = 5;
    expect(memory[52]).toBe(5);
    expect(recordBytes(record).byteOffset).toBe(52);
    expect(recordBytes(record)).toHaveLength(42);
  });

  test("moves to another offset of its buffer", () => {
    const record = new Sample(Uint8Array.from({ length: 100 }, (_, index) => index));
    expect(record.moveTo(10).byte).toBe(10);
    expect(record.moveTo(58).byte).toBe(58);
    expect(() => record.moveTo(59)).toThrow("record of 42 bytes at 59 of 100");
    expect(() => record.moveTo(-1)).toThrow("record of 42 bytes");
  });

  test("must fit in its buffer", () => {
    expect(() => new Sample(new Uint8Array(41))).toThrow("record of 42 bytes at 0 of 41");
    expect(() => new Sample(new Uint8Array(50), 9)).toThrow("record of 42 bytes at 9 of 50");
  });

  test("knows its size and layout", () => {
    expect(Sample.sizeBytes).toBe(42);
    expect(new Sample(new Uint8Array(42)).sizeBytes).toBe(42);
    expect(Sample.layout).toBe(FIELDS);
  });

  test("refuses values that the field cannot hold", () => {
    const record = new Sample(new Uint8Array(42));
    expect(() => (record.byte = 256)).toThrow("not a u8: 256");
    expect(() => (record.byte = -1)).toThrow("not a u8");
    expect(() => (record.short = 65_536)).toThrow("not a u16");
    expect(() => (record.word = 1.5)).toThrow("not a u32");
    expect(() => (record.count = 2 ** 53)).toThrow("not a u64 that fits a safe integer");
    expect(() => (record.long = 2n ** 64n)).toThrow("not a u64");
    expect(() => (record.id = -1n)).toThrow("not a u128");
    expect(() => (record.tail = new Uint8Array(4))).toThrow("4 bytes for a field of 3");
  });

  test("is zero in a field exactly if every byte of the field is", () => {
    for (let at = 0; at < 42; at += 1) {
      const bytes = new Uint8Array(42);
      bytes[at] = 1;
      const record = new Sample(bytes);
      const dirty = Object.values(FIELDS).filter((field) => !isZero(record, field));
      expect(dirty).toHaveLength(1);
    }
  });
});

describe("a layout", () => {
  test("has no overlapping fields", () => {
    const overlap = { a: { type: "u32", offset: 0 }, b: { type: "u8", offset: 3 } } as const;
    expect(() => recordClass(8, overlap)).toThrow("field b at 3 overlaps");
  });

  test("stays within the record", () => {
    expect(() => recordClass(8, { a: { type: "u64", offset: 1 } })).toThrow("field a ends at 9");
  });
});

describe("integers", () => {
  test("safe ones come back", () => {
    const view = new DataView(new ArrayBuffer(8));
    fc.assert(
      fc.property(fc.maxSafeNat(), (value) => {
        writeU53(view, 0, value);
        expect(readU53(view, 0)).toBe(value);
        expect(view.getBigUint64(0, true)).toBe(BigInt(value));
        expect(isSafeU64(view, 0)).toBe(true);
      }),
    );
  });

  test("a u64 is safe up to 2^53 - 1", () => {
    const view = new DataView(new ArrayBuffer(8));
    view.setBigUint64(0, 2n ** 53n - 1n, true);
    expect(isSafeU64(view, 0)).toBe(true);
    view.setBigUint64(0, 2n ** 53n, true);
    expect(isSafeU64(view, 0)).toBe(false);
    view.setBigUint64(0, 2n ** 64n - 1n, true);
    expect(isSafeU64(view, 0)).toBe(false);
  });

  test("a u128 comes back", () => {
    const view = new DataView(new ArrayBuffer(16));
    fc.assert(
      fc.property(fc.bigInt(0n, 2n ** 128n - 1n), (value) => {
        writeU128(view, 0, value);
        expect(readU128(view, 0)).toBe(value);
      }),
    );
  });
});
