import { propertyRuns } from "@stagbeetle/kernels/testing";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Hash64 } from "./hash64.ts";

const MASK = 0xffff_ffff_ffff_ffffn;

/** The same in arbitrary precision. */
function reference(key: bigint): bigint {
  const secret0 = 0xa0761d6478bd642fn;
  const secret1 = 0xe7037ed1a0b428dbn;
  const fold = (a: bigint, b: bigint): bigint => ((a * b) & MASK) ^ ((a * b) >> 64n);
  const mixed = fold((key & 0xffff_ffffn) ^ secret1, (key >> 32n) ^ secret0);
  return fold(mixed, 8n ^ secret1);
}

function hashOf(key: bigint): Hash64 {
  return new Hash64().set(Number(key >> 32n), Number(key & 0xffff_ffffn));
}

const valueOf = ({ high, low }: Hash64): bigint => (BigInt(high) << 32n) | BigInt(low);

describe("the hash of the caches", () => {
  test.each([
    [1n, 0x92bbe5fe8c5525cdn],
    [2n, 0x6fb4b7ffc2cdafc9n],
    [3n, 0x6cb4497622bfe17bn],
    [64n, 0x9dceae680cf22942n],
    [1000n, 0x5f1df8581ca3cc26n],
  ])("of %d is that of the specification", (key, hash) => {
    expect(valueOf(hashOf(key))).toBe(hash);
  });

  test.each([
    [1n, 73],
    [2n, 55],
    [3n, 54],
  ])("leads address %d to its set of 128", (key, set) => {
    expect(hashOf(key).scaledTo(128)).toBe(set);
  });

  test("is exact for every key, and so is its scaling", () => {
    const u64 = fc.bigInt({ min: 0n, max: MASK });
    fc.assert(
      fc.property(u64, fc.integer({ min: 1, max: 0xffff_ffff }), (key, count) => {
        const hash = hashOf(key);
        expect(valueOf(hash)).toBe(reference(key));
        expect(BigInt(hash.scaledTo(count))).toBe((reference(key) * BigInt(count)) >> 64n);
      }),
      { numRuns: propertyRuns(500) },
    );
  });
});
