import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { kernelsOf, variants } from "../test/variants.ts";
import { absent } from "./hash-index.ts";
import type { HashIndexOptions } from "./hash-index.ts";
import { IdIndex } from "./id-index.ts";
import type { Kernels } from "./kernels.ts";
import type { Pointer } from "./linear-memory.ts";
import { U64Index } from "./u64-index.ts";

type Key = bigint;

/** An index under test beside the keys it takes; `key` writes one to memory and says where. */
interface Subject {
  readonly kernels: Kernels;
  readonly create: (options: HashIndexOptions) => IdIndex | U64Index;
  readonly sizeBytes: (capacity: number) => number;
  readonly keySizeBytes: number;
  readonly write: (pointer: Pointer, key: Key) => void;
  readonly key: (key: Key) => Pointer;
}

function idSubject(kernels: Kernels): Subject {
  const { memory } = kernels;
  const write = (pointer: Pointer, key: Key): void => {
    memory.view.setBigUint64(pointer, BigInt.asUintN(64, key), true);
    memory.view.setBigUint64(pointer + 8, key >> 64n, true);
  };
  const place = memory.allocate(17, 16) + 1;
  return {
    kernels,
    create: (options) => new IdIndex(kernels, options),
    sizeBytes: (capacity) => IdIndex.sizeBytes(capacity),
    keySizeBytes: 16,
    write,
    key: (key) => {
      write(place, key);
      return place;
    },
  };
}

function u64Subject(kernels: Kernels): Subject {
  const { memory } = kernels;
  const write = (pointer: Pointer, key: Key): void => memory.view.setBigUint64(pointer, BigInt.asUintN(64, key), true);
  const place = memory.allocate(9, 8) + 1;
  return {
    kernels,
    create: (options) => new U64Index(kernels, options),
    sizeBytes: (capacity) => U64Index.sizeBytes(capacity),
    keySizeBytes: 8,
    write,
    key: (key) => {
      write(place, key);
      return place;
    },
  };
}

type Step = readonly [operation: "insert" | "replace" | "remove" | "get" | "clear", key: Key, value: number];

function stepsOver(keys: fc.Arbitrary<Key>): fc.Arbitrary<Step[]> {
  const operation = fc.constantFrom("insert", "insert", "insert", "replace", "remove", "remove", "get", "get");
  const rare = fc.oneof({ weight: 200, arbitrary: operation }, { weight: 1, arbitrary: fc.constant("clear" as const) });
  return fc.array(fc.tuple(rare, keys, fc.nat({ max: absent - 1 })), { maxLength: 400, size: "max" });
}

/** What the index must do, with the language's own map. */
function stepModel(model: Map<Key, number>, capacity: number, [operation, key, value]: Step): number | undefined {
  const before = model.get(key) ?? absent;
  switch (operation) {
    case "insert":
      if (model.size === capacity) return undefined;
      if (before === absent) model.set(key, value);
      return before;
    case "replace":
      if (before !== absent) model.set(key, value);
      return before;
    case "remove":
      model.delete(key);
      return before;
    case "get":
      return before;
    case "clear":
      model.clear();
      return undefined;
  }
}

function stepIndex(subject: Subject, index: IdIndex | U64Index, [operation, key, value]: Step): number | undefined {
  switch (operation) {
    case "insert":
      return index.count === index.capacity ? undefined : index.insert(subject.key(key), value);
    case "replace":
      return index.replace(subject.key(key), value);
    case "remove":
      return index.remove(subject.key(key));
    case "get":
      return index.get(subject.key(key));
    case "clear":
      index.clear();
      return undefined;
  }
}

/** All keys of the model, and some that it lacks, in records of 48 bytes, looked up at once. */
function expectHolds(subject: Subject, index: IdIndex | U64Index, model: ReadonlyMap<Key, number>): void {
  const { memory } = subject.kernels;
  const keys = [...model.keys(), 0n, 1n, 77n, 2n ** 63n];
  const stride = 48;
  const records = memory.allocate(stride * keys.length, 1);
  const results = memory.allocate(4 * keys.length, 4);
  keys.forEach((key, number) => subject.write(records + stride * number, key));
  index.lookupMany(records, stride, keys.length, results);
  const found = keys.map((_, number) => memory.view.getUint32(results + 4 * number, true));
  expect(found).toEqual(keys.map((key) => model.get(key) ?? absent));
  expect(index.count).toBe(model.size);
}

const subjects = [
  { name: "IdIndex", subjectOf: idSubject, keyMax: (1n << 128n) - 1n },
  { name: "U64Index", subjectOf: u64Subject, keyMax: (1n << 64n) - 1n },
] as const;

describe.each(subjects)("$name", ({ subjectOf, keyMax }) => {
  const keyKinds: readonly (readonly [name: string, keys: fc.Arbitrary<Key>])[] = [
    ["few", fc.bigInt({ min: 0n, max: 40n })],
    ["any", fc.bigInt({ min: 0n, max: keyMax })],
    ["high halves", fc.bigInt({ min: 0n, max: 40n }).map((key) => (key << 64n) & keyMax)],
  ];

  describe.each(variants.filter((variant) => variant.shared))("for $name", (variant) => {
    test.each(keyKinds)("does what a map does, with %s keys", (_, keys) => {
      fc.assert(
        fc.property(stepsOver(keys), fc.integer({ min: 1, max: 60 }), (steps, capacity) => {
          const subject = subjectOf(kernelsOf(variant, 1 << 18));
          const index = subject.create({ capacity });
          const model = new Map<Key, number>();
          for (const step of steps) {
            expect(stepIndex(subject, index, step)).toBe(stepModel(model, index.capacity, step));
            expect(index.count).toBe(model.size);
          }
          expectHolds(subject, index, model);
        }),
        { numRuns: 60 },
      );
    });
  });

  const subjectHere = (sizeBytes?: number): Subject => subjectOf(kernelsOf({ shared: true, simd: "plain" }, sizeBytes));

  test("holds as many keys as its capacity, in the size that it said", () => {
    const subject = subjectHere(8 << 20);
    const before = subject.kernels.memory.freeSizeBytes;
    const index = subject.create({ capacity: 20_000, label: "twenty thousand" });
    expect(before - subject.kernels.memory.freeSizeBytes - subject.sizeBytes(20_000)).toBeLessThan(64);
    expect(index.capacity).toBeGreaterThanOrEqual(20_000);
    const model = new Map<Key, number>();
    for (let number = 0; number < index.capacity; number++) {
      expect(index.insert(subject.key(BigInt(number)), number)).toBe(absent);
      model.set(BigInt(number), number);
    }
    expectHolds(subject, index, model);
    expect(() => index.insert(subject.key(keyMax), 1)).toThrow(`twenty thousand: full with ${index.capacity} keys`);
  });

  test("is as good as new after many insertions and removals", () => {
    const subject = subjectHere(1 << 20);
    const index = subject.create({ capacity: 500 });
    for (let number = 0; number < 50_000; number++) {
      index.insert(subject.key(BigInt(number)), number);
      if (number >= 500) index.remove(subject.key(BigInt(number - 500)));
    }
    for (let number = 49_500; number < 50_000; number++) index.remove(subject.key(BigInt(number)));
    expect(index.count).toBe(0);
    const { memory } = subject.kernels;
    for (let bucket = index.pointer + 64; bucket < index.pointer + index.sizeBytes; bucket += 64) {
      expect(memory.view.getUint32(bucket + 60, true)).toBe(0);
    }
  });

  test("clears a region that it is given", () => {
    const subject = subjectHere();
    const { memory } = subject.kernels;
    const pointer = memory.allocate(subject.sizeBytes(10), 64);
    memory.bytes.fill(0xff, pointer, pointer + subject.sizeBytes(10));
    const index = subject.create({ capacity: 10, pointer });
    expectHolds(subject, index, new Map());
    expect(() => subject.create({ capacity: 10, pointer: pointer + 16 })).toThrow("is no multiple of 64");
  });

  test("refuses what is no value, no capacity and no range", () => {
    const subject = subjectHere();
    const index = subject.create({ capacity: 10 });
    const key = subject.key(1n);
    expect(() => index.insert(key, absent)).toThrow("value 4294967295 is no slot");
    expect(() => index.replace(key, -1)).toThrow("value -1 is no slot");
    expect(() => index.get(0)).toThrow("bytes 0 + ");
    expect(() => index.lookupMany(key, 1 << 20, 2, key)).toThrow("are not in the memory");
    expect(() => index.lookupMany(key, 16, -1, key)).toThrow("look up -1 keys");
    expect(() => subject.create({ capacity: 0 })).toThrow("capacity 0");
    expect(() => subject.create({ capacity: 1, seed: -1n })).toThrow("seed -1 is no u64");
  });

  test("looks up nothing in no keys", () => {
    const index = subjectHere().create({ capacity: 10 });
    index.lookupMany(0, 16, 0, 0);
  });
});
