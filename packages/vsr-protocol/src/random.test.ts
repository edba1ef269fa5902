import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { toHex } from "../test/messages.ts";
import { type DrawBits, Random } from "./random.ts";

/** Spec 07 §4.3. */
const OUTPUTS: readonly (readonly [number, readonly bigint[]])[] = [
  [0, [0x53175d61490b23dfn, 0x61da6f3dc380d507n, 0x5c0fdf91ec9a7bfcn, 0x02eebf8c3bbe5e1an]],
  [42, [0xd0764d4f4476689fn, 0x519e4174576f3791n, 0xfbe07cfb0c24ed8cn, 0xb37d9f600cd835b8n]],
  [92, [0x25d991ca70736128n, 0x3b532872acfccd46n, 0xabcf431a1a81562en, 0xcbe21e640906d620n]],
  [123, [0xa5565735f810987an, 0xd6914642e58d662en, 0xaa7521feb709887fn, 0x863cd15c558d6bfbn]],
];

/** Spec 03 §34.6: which backup, counted from the primary, answers the client of ops 1 to 24 too. */
const HEDGING: readonly (readonly [number, string])[] = [
  [2, "1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1"],
  [3, "2 1 1 1 1 2 1 2 2 2 2 2 2 1 1 1 1 1 1 2 1 2 1 2"],
  [4, "2 1 1 1 1 2 1 3 3 2 2 3 3 1 1 1 1 1 1 3 1 2 1 3"],
  [5, "3 1 1 1 1 3 1 3 4 3 3 4 4 1 1 2 1 1 1 3 2 3 1 4"],
  [6, "4 1 1 1 1 4 2 4 5 4 3 4 5 1 1 2 2 1 1 4 2 4 2 5"],
];

function draws<Draw>(count: number, draw: () => Draw): Draw[] {
  return Array.from({ length: count }, draw);
}

describe("the generator", () => {
  test.each(OUTPUTS)("seed %i gives the outputs of the specification", (seed, outputs) => {
    const random = new Random(seed);
    expect(draws(4, () => random.u64())).toEqual(outputs);
  });

  test("the lowest three bits of 1000 draws are spread as in the reference", () => {
    const random = new Random(92);
    const histogram = [0, 0, 0, 0, 0, 0, 0, 0];
    for (let draw = 0; draw < 1000; draw += 1) {
      const bucket = Number(random.u64() % 8n);
      histogram[bucket] = (histogram[bucket] ?? 0) + 1;
    }
    expect(histogram).toEqual([134, 134, 117, 121, 117, 128, 131, 118]);
  });

  test("a seed is a u64", () => {
    expect(new Random(2n ** 64n - 1n).u64()).toBeTypeOf("bigint");
    expect(() => new Random(-1)).toThrow("not a u64 seed");
    expect(() => new Random(2n ** 64n)).toThrow("not a u64 seed");
  });

  test("equals arithmetic on 64-bit integers for any seed", () => {
    fc.assert(
      fc.property(fc.bigInt(0n, 2n ** 64n - 1n), (seed) => {
        const random = new Random(seed);
        const model = new Model(seed);
        for (let draw = 0; draw < 20; draw += 1) expect(random.u64()).toBe(model.next());
      }),
    );
  });
});

describe("draws", () => {
  test("of bounded bytes are those of the reference", () => {
    const random = new Random(42);
    expect(draws(10, () => random.intInclusive(8, 30))).toEqual([19, 17, 16, 22, 13, 15, 10, 8, 24, 25]);
  });

  test("of ranges are those of the reference", () => {
    const random = new Random(42);
    const range = (): number => random.rangeInclusive(64, 30_000_000, 100_000_000);
    expect(draws(4, range)).toEqual([87_001_360, 52_317_473, 98_872_592, 79_079_492]);
  });

  test("of bytes and of a u128 are those of the reference", () => {
    const bytes = new Uint8Array(20);
    new Random(42).fill(bytes);
    expect(toHex(bytes)).toBe("9f6876444f4d76d091376f5774419e518ced240c");
    expect(new Random(42).u128()).toBe(0x519e4174576f3791d0764d4f4476689fn);
  });

  test("shuffle as the reference does", () => {
    const items = [0, 1, 2, 3, 4, 5, 6, 7];
    new Random(42).shuffle(items);
    expect(items).toEqual([6, 0, 3, 5, 7, 4, 1, 2]);
  });

  test("of chances are those of the reference", () => {
    const random = new Random(92);
    let total = 0;
    for (let draw = 0; draw < 1000; draw += 1) {
      total += random.chance(2, 7) ? 1 : -1;
      total += random.chance(5, 7) ? 1 : -1;
    }
    expect(total).toBe(46);
  });

  test.each(HEDGING)(
    "with %i replicas, the second answer comes from the same backup everywhere",
    (replicas, offsets) => {
      const drawn = Array.from({ length: 24 }, (_, index) => new Random(index + 1).rangeInclusive(8, 1, replicas - 1));
      expect(drawn.join(" ")).toBe(offsets);
    },
  );

  test.each([
    [4, 100, 3],
    [4, 1000, 1],
    [4, 123_456, 3],
    [6, 100, 5],
    [6, 1000, 1],
    [6, 123_456, 4],
  ])("with %i replicas, op %i is answered by backup %i too", (replicas, op, offset) => {
    expect(new Random(op).rangeInclusive(8, 1, replicas - 1)).toBe(offset);
  });

  test.each<DrawBits>([8, 16, 32, 64])("in %i bits equal Lemire's method on wide integers for any bound", (bits) => {
    const bound = bits === 64 ? fc.maxSafeNat() : fc.nat(2 ** Math.min(bits, 31) - 1);
    fc.assert(
      fc.property(
        fc.nat(),
        fc.oneof(
          bound,
          fc.nat(300).filter((max) => max < 2 ** bits),
        ),
        (seed, max) => {
          const random = new Random(seed);
          const model = new Model(BigInt(seed));
          for (let draw = 0; draw < 20; draw += 1) {
            expect(random.intInclusive(bits, max)).toBe(Number(model.intInclusive(bits, BigInt(max))));
          }
        },
      ),
      { numRuns: 300 },
    );
  });

  test("in 32 bits reach beyond a signed integer", () => {
    const random = new Random(7);
    const model = new Model(7n);
    for (let draw = 0; draw < 1000; draw += 1) {
      expect(random.intInclusive(32, 0xf000_0000)).toBe(Number(model.intInclusive(32, 0xf000_0000n)));
    }
    expect(new Random(42).intInclusive(32, 0xffff_ffff)).toBe(0x4476_689f);
    expect(new Random(42).intInclusive(8, 0xff)).toBe(0x9f);
  });

  test("of u64 below any bound equal Lemire's method", () => {
    fc.assert(
      fc.property(fc.nat(), fc.bigInt(0n, 2n ** 64n - 1n), (seed, max) => {
        expect(new Random(seed).u64Inclusive(max)).toBe(new Model(BigInt(seed)).intInclusive(64, max));
      }),
    );
  });

  test("by weight never choose a weight of 0 and reach all others", () => {
    const random = new Random(1);
    const chosen = new Set(draws(500, () => random.weighted([0, 3, 0, 1])));
    expect(chosen).toEqual(new Set([1, 3]));
    expect(() => random.weighted([0, 0])).toThrow("no weight");
  });

  test("of an index, a boolean and a u32 stay in their range", () => {
    const random = new Random(5);
    expect(new Set(draws(200, () => random.index(3)))).toEqual(new Set([0, 1, 2]));
    expect(new Set(draws(50, () => random.boolean()))).toEqual(new Set([true, false]));
    expect(draws(50, () => random.u32()).every((value) => value >>> 0 === value)).toBe(true);
    expect(() => random.index(0)).toThrow("no element");
    expect(() => random.rangeInclusive(64, 2, 1)).toThrow("an empty range");
    expect(() => random.intInclusive(8, 256)).toThrow("a bound of 256 in 8 bits");
    expect(() => random.chance(2, 1)).toThrow("not a ratio");
  });
});

const MASK = 2n ** 64n - 1n;

/** The algorithm as spec 07 §4 writes it, on 64-bit integers. */
class Model {
  #s: [bigint, bigint, bigint, bigint] = [0n, 0n, 0n, 0n];

  constructor(seed: bigint) {
    let x = seed;
    this.#s = this.#s.map(() => {
      x = (x + 0x9e3779b97f4a7c15n) & MASK;
      let z = x;
      z = ((z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n) & MASK;
      z = ((z ^ (z >> 27n)) * 0x94d049bb133111ebn) & MASK;
      return z ^ (z >> 31n);
    }) as [bigint, bigint, bigint, bigint];
  }

  next(): bigint {
    let [s0, s1, s2, s3] = this.#s;
    const result = (rotate((s0 + s3) & MASK, 23n) + s0) & MASK;
    const t = (s1 << 17n) & MASK;
    s2 ^= s0;
    s3 ^= s1;
    s1 ^= s2;
    s0 ^= s3;
    s2 ^= t;
    s3 = rotate(s3, 45n);
    this.#s = [s0, s1, s2, s3];
    return result;
  }

  intInclusive(bits: number, max: bigint): bigint {
    const width = 2n ** BigInt(bits);
    if (max === width - 1n) return this.next() % width;
    const count = max + 1n;
    let product = (this.next() % width) * count;
    if (product % width < count) {
      const threshold = (width - count) % count;
      while (product % width < threshold) product = (this.next() % width) * count;
    }
    return product / width;
  }
}

function rotate(value: bigint, by: bigint): bigint {
  return ((value << by) | (value >> (64n - by))) & MASK;
}
