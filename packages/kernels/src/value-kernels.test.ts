import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { hex, kernelsOf } from "../test/variants.ts";
import { deduplicated, encode, keyOf, layouts, puts, sorted } from "../test/values.ts";
import type { Value } from "../test/values.ts";
import type { Kernels } from "./kernels.ts";
import type { Pointer } from "./linear-memory.ts";
import { sortScratchSizeBytes, ValueKernels } from "./value-kernels.ts";
import type { ValueLayout } from "./value-kernels.ts";

const runs = 40 * Number(process.env["STAGBEETLE_PROPERTY_RUNS"] ?? 1);
const countMax = 300;

interface Subject {
  readonly kernels: Kernels;
  readonly values: ValueKernels;
  readonly begin: Pointer;
  readonly scratch: Pointer;
  readonly key: Pointer;
}

function subjectOf(layout: ValueLayout): Subject {
  const kernels = kernelsOf({ shared: false, simd: "plain" }, 1 << 20);
  return {
    kernels,
    values: new ValueKernels(kernels, layout),
    begin: kernels.memory.allocate(countMax * layout.sizeBytes, 16),
    scratch: kernels.memory.allocate(sortScratchSizeBytes(layout, countMax), 16),
    key: kernels.memory.allocate(64, 16),
  };
}

function write({ kernels, begin }: Subject, layout: ValueLayout, values: readonly Value[]): void {
  values.forEach((value, number) => kernels.memory.bytes.set(encode(layout, value), begin + number * layout.sizeBytes));
}

function read({ kernels, begin }: Subject, layout: ValueLayout, count: number): string[] {
  const at = (number: number): number => begin + number * layout.sizeBytes;
  return Array.from({ length: count }, (_, number) => hex(kernels.memory.bytes.slice(at(number), at(number + 1))));
}

function writeKey({ kernels, key }: Subject, integer: bigint): void {
  for (let word = 0; word < 4; word += 1) {
    kernels.memory.view.setBigUint64(key + 8 * word, BigInt.asUintN(64, integer >> BigInt(64 * word)), true);
  }
}

function readKey({ kernels, key }: Subject, offset: number): bigint {
  const words = [0, 1, 2, 3].map((word) => kernels.memory.view.getBigUint64(key + offset + 8 * word, true));
  return words.reduceRight((integer, word) => (integer << 64n) | word, 0n);
}

describe.each(layouts)("values of $sizeBytes bytes by $key", (layout) => {
  const subject = subjectOf(layout);

  test("are sorted stably and lose their duplicates", () => {
    fc.assert(
      fc.property(puts(layout, countMax), (values) => {
        write(subject, layout, values);
        const expected = deduplicated(layout, sorted(layout, values));
        const count = subject.values.sort(subject.begin, values.length, subject.scratch);
        expect(read(subject, layout, count)).toEqual(expected.map((value) => hex(encode(layout, value))));
        expect(subject.values.ascendingCount(subject.begin, count)).toBe(count);
      }),
      { numRuns: runs },
    );
  });

  test("are found many at once where each is found alone", () => {
    fc.assert(
      fc.property(puts(layout, 80), puts(layout, 40), fc.nat({ max: 40 }), (values, others, common) => {
        const ordered = deduplicated(layout, sorted(layout, values));
        const wanted = deduplicated(layout, sorted(layout, [...others, ...values.slice(0, common)]));
        write(subject, layout, [...ordered, ...wanted]);
        const first = subject.begin + ordered.length * layout.sizeBytes;
        subject.values.findMany(subject.begin, ordered.length, first, wanted.length, subject.scratch);
        const { u32 } = subject.kernels.memory;
        const found = wanted.map((_, number) => u32[subject.scratch / 4 + number]);
        const keys = ordered.map((value) => keyOf(layout, value));
        const places = wanted.map((value) => {
          const at = keys.indexOf(keyOf(layout, value));
          return at === -1 ? 0 : subject.begin + at * layout.sizeBytes;
        });
        expect(found).toEqual(places);
      }),
      { numRuns: runs },
    );
  });

  test("have a smallest and a greatest key, in whatever order they are", () => {
    fc.assert(
      fc.property(puts(layout, 60), (values) => {
        fc.pre(values.length > 0);
        write(subject, layout, values);
        subject.values.writeKeyRange(subject.begin, values.length, subject.key);
        const keys = values.map((value) => keyOf(layout, value)).toSorted((x, y) => (x < y ? -1 : 1));
        expect([readKey(subject, 0), readKey(subject, 32)]).toEqual([keys[0], keys.at(-1)]);
      }),
      { numRuns: runs },
    );
  });

  test("are found by their keys, and bounds count those before", () => {
    fc.assert(
      fc.property(puts(layout, 60), fc.bigInt({ min: 0n, max: (1n << 190n) - 1n }), (values, other) => {
        const ordered = deduplicated(layout, sorted(layout, values));
        write(subject, layout, ordered);
        const words = { timestamp: 64n, unique: 128n, composite64: 128n, composite128: 192n }[layout.key];
        const keys = ordered.map((value) => keyOf(layout, value));
        for (const key of [...keys, BigInt.asUintN(Number(words), other)]) {
          writeKey(subject, key);
          const below = keys.filter((one) => one < key).length;
          const present = keys.includes(key);
          expect(subject.values.lowerBound(subject.begin, keys.length, subject.key)).toBe(below);
          expect(subject.values.upperBound(subject.begin, keys.length, subject.key)).toBe(below + Number(present));
          const at = present ? subject.begin + below * layout.sizeBytes : 0;
          expect(subject.values.find(subject.begin, keys.length, subject.key)).toBe(at);
        }
      }),
      { numRuns: runs },
    );
  });

  test("compare as their keys do, and write their key bytes", () => {
    fc.assert(
      fc.property(puts(layout, 20), (values) => {
        write(subject, layout, values);
        const { view } = subject.kernels.memory;
        values.forEach((value, number) => {
          const at = subject.begin + number * layout.sizeBytes;
          subject.values.writeKey(at, subject.key);
          let integer = 0n;
          for (let word = 3; word >= 0; word -= 1)
            integer = (integer << 64n) | view.getBigUint64(subject.key + 8 * word, true);
          expect(integer).toBe(keyOf(layout, value));
          const order = Math.sign(subject.values.compare(subject.begin, at));
          const [first, other] = [keyOf(layout, values[0] ?? value), keyOf(layout, value)];
          expect(order).toBe(first === other ? 0 : first < other ? -1 : 1);
        });
      }),
      { numRuns: runs },
    );
  });
});

const composite64: ValueLayout = { key: "composite64", sizeBytes: 16, timestampOffset: 8, secondary: true };

test("two puts of one key of a secondary index are a broken invariant", () => {
  const subject = subjectOf(composite64);
  const value = { field: 5n, timestamp: 7n, tombstone: false, payload: 0 };
  write(subject, composite64, [value, value]);
  expect(() => subject.values.sort(subject.begin, 2, subject.scratch)).toThrow("not a value and its tombstone");
});

test("the keys of an index block are searched where they are", () => {
  const subject = subjectOf(composite64);
  const { memory } = subject.kernels;
  const keys = memory.allocate(5 * 16, 16);
  [3n, 9n << 64n, 10n << 64n, (10n << 64n) | 4n].forEach((key, number) => {
    memory.view.setBigUint64(keys + 16 * number, BigInt.asUintN(64, key), true);
    memory.view.setBigUint64(keys + 16 * number + 8, key >> 64n, true);
  });
  const bound = (key: bigint): number => {
    writeKey(subject, key);
    return subject.values.keyLowerBound(keys, 16, 4, subject.key);
  };
  expect([0n, 3n, 4n, 9n << 64n, (10n << 64n) | 1n, 11n << 64n].map(bound)).toEqual([0, 0, 1, 1, 3, 4]);
});
