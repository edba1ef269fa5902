import { propertyRuns, testMemory } from "@stagbeetle/kernels/testing";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { BitSet, lowestBit, populationCount } from "./bit-set.ts";

const LENGTH = 256;
const index = fc.oneof(fc.nat(LENGTH - 1), fc.constantFrom(0, 31, 32, 63, 64, LENGTH - 1));
const members = fc.uniqueArray(index, { maxLength: LENGTH });

function bitSet(indexes: readonly number[]): BitSet {
  const set = new BitSet(testMemory(1024), LENGTH, "test");
  for (const at of indexes) set.set(at);
  return set;
}

const ascending = (indexes: Iterable<number>): number[] => [...indexes].toSorted((a, b) => a - b);

describe("a bit set", () => {
  test("is the set of its members", () => {
    fc.assert(
      fc.property(members, (indexes) => {
        const set = bitSet(indexes);
        expect([...set]).toEqual(ascending(indexes));
        expect(set.count).toBe(indexes.length);
        expect(set.highest()).toBe(indexes.length === 0 ? null : Math.max(...indexes));
        for (const at of indexes.slice(0, 20)) set.clear(at);
        expect([...set]).toEqual(ascending(indexes.slice(20)));
        expect(set.highest()).toBe(indexes.length <= 20 ? null : Math.max(...indexes.slice(20)));
      }),
      { numRuns: propertyRuns(100) },
    );
  });

  test("gives up its members to another, and takes them out of it again", () => {
    fc.assert(
      fc.property(members, fc.nat(LENGTH), (indexes, split) => {
        const [mine, others] = [indexes.slice(0, split), indexes.slice(split)];
        const set = bitSet(mine);
        const other = bitSet(others);
        set.take(other);
        expect([...set]).toEqual(ascending(indexes));
        expect([set.count, other.count, [...other]]).toEqual([indexes.length, 0, []]);
        expect(set.contains(bitSet(others))).toBe(true);
        expect(bitSet(others).contains(set)).toBe(mine.length === 0);
        set.subtract(bitSet(others));
        expect([...set]).toEqual(ascending(mine));
        expect(set.count).toBe(mine.length);
      }),
      { numRuns: propertyRuns(100) },
    );
  });

  test("neither gains nor loses a member twice", () => {
    expect(() => bitSet([31, 31])).toThrow("set twice");
    expect(() => bitSet([31]).clear(30)).toThrow("cleared twice");
    expect(() => bitSet([31]).take(bitSet([31]))).toThrow("in both sets");
    expect(() => bitSet([31]).subtract(bitSet([31, 63]))).toThrow("not all in the set");
    expect(() => bitSet([LENGTH])).toThrow(`bit ${LENGTH} of ${LENGTH}`);
  });
});

test("bits of a word are counted and found", () => {
  fc.assert(
    fc.property(fc.integer({ min: -0x8000_0000, max: 0xffff_ffff }), (word) => {
      const binary = (word >>> 0).toString(2);
      expect(populationCount(word)).toBe(binary.replaceAll("0", "").length);
      if (word !== 0) expect(lowestBit(word)).toBe(binary.length - 1 - binary.lastIndexOf("1"));
    }),
  );
});
