/** Values as bytes, and what sorting and merging them means, in plain TypeScript: the truth that the kernels are held against. */
import fc from "fast-check";

import type { ValueLayout } from "@stagbeetle/kernels";

export const layouts: readonly ValueLayout[] = [
  { key: "timestamp", sizeBytes: 8, timestampOffset: 0, secondary: true },
  { key: "timestamp", sizeBytes: 16, timestampOffset: 0, secondary: false },
  { key: "timestamp", sizeBytes: 128, timestampOffset: 120, secondary: false },
  { key: "timestamp", sizeBytes: 256, timestampOffset: 160, secondary: false },
  { key: "unique", sizeBytes: 32, timestampOffset: 16, secondary: false },
  { key: "composite64", sizeBytes: 16, timestampOffset: 8, secondary: true },
  { key: "composite128", sizeBytes: 32, timestampOffset: 16, secondary: true },
];

const tombstoneBit = 1n << 63n;

/** A value by its parts; `payload` tells values of one key apart where the layout has room for it. */
export interface Value {
  readonly field: bigint;
  readonly timestamp: bigint;
  readonly tombstone: boolean;
  readonly payload: number;
}

function integerBytes(value: bigint, sizeBytes: number): number[] {
  return Array.from({ length: sizeBytes }, (_, byte) => Number((value >> BigInt(8 * byte)) & 0xffn));
}

/** The bytes of a value. */
export function encode(layout: ValueLayout, value: Value): Uint8Array {
  const bytes = new Uint8Array(layout.sizeBytes);
  const timestamp = value.timestamp | (value.tombstone ? tombstoneBit : 0n);
  if (layout.sizeBytes > 32) bytes.fill(value.payload, 0, layout.timestampOffset);
  if (layout.key === "composite64") bytes.set(integerBytes(value.field, 8), 0);
  if (layout.key === "composite128" || layout.key === "unique") bytes.set(integerBytes(value.field, 16), 0);
  bytes.set(integerBytes(timestamp, 8), layout.timestampOffset);
  return bytes;
}

/** The key as an integer (spec 05 §3.3). */
export function keyOf(layout: ValueLayout, value: Value): bigint {
  switch (layout.key) {
    case "timestamp":
      return value.timestamp;
    case "unique":
      return BigInt.asUintN(128, value.field);
    case "composite64":
      return (BigInt.asUintN(64, value.field) << 64n) | value.timestamp;
    case "composite128":
      return (BigInt.asUintN(128, value.field) << 64n) | value.timestamp;
  }
}

/** Sorted stably by key. */
export function sorted(layout: ValueLayout, values: readonly Value[]): Value[] {
  return values.toSorted((a, b) => {
    const [keyA, keyB] = [keyOf(layout, a), keyOf(layout, b)];
    return keyA < keyB ? -1 : Number(keyA > keyB);
  });
}

/** Without duplicates: of each key the last, or, in a secondary index, none of a pair (spec 05 §7.5). */
export function deduplicated(layout: ValueLayout, values: readonly Value[]): Value[] {
  const kept: Value[] = [];
  for (const value of values) {
    const last = kept.at(-1);
    const same = last !== undefined && keyOf(layout, last) === keyOf(layout, value);
    if (same) kept.pop();
    if (!same || !layout.secondary) kept.push(value);
  }
  return kept;
}

/**
 * Values in the order in which they are put. In a secondary index a key is put only while it is absent, and removed only
 * while it is there.
 */
export function puts(layout: ValueLayout, maxLength: number): fc.Arbitrary<Value[]> {
  const field = fc.oneof(
    fc.bigInt({ min: 0n, max: 3n }),
    fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
    fc.bigInt({ min: 0n, max: (1n << 128n) - 1n }),
  );
  const timestamp = fc.oneof(fc.bigInt({ min: 1n, max: 6n }), fc.bigInt({ min: 1n, max: (1n << 63n) - 2n }));
  const value = fc.record({ field, timestamp, tombstone: fc.boolean(), payload: fc.nat({ max: 255 }) });
  return fc.array(value, { maxLength, size: "max" }).map((values) => {
    if (!layout.secondary) return values;
    const present = new Set<bigint>();
    return values.map((put) => {
      const key = keyOf(layout, put);
      const tombstone = present.has(key);
      if (tombstone) present.delete(key);
      else present.add(key);
      return { ...put, tombstone };
    });
  });
}
