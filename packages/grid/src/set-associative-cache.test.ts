import { propertyRuns, testMemory } from "@stagbeetle/kernels/testing";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Hash64 } from "./hash64.ts";
import { CACHE_WAYS, type CacheKeys, SetAssociativeCache } from "./set-associative-cache.ts";

/** A cache of numbers, which are their own keys. With `crowded`, all keys fall into one set and share their tag. */
class NumberCache {
  readonly values: (number | null)[];
  readonly cache: SetAssociativeCache<number>;

  constructor(entries: number, crowded: boolean) {
    this.values = Array.from({ length: entries }, () => null);
    const keys: CacheKeys<number> = {
      hash: (key: number, hash: Hash64) => void hash.set(0, crowded ? 1 : key),
      hasKey: (index, key) => this.values[index] === key,
    };
    this.cache = new SetAssociativeCache({ memory: testMemory(4096), entries, keys, label: "test cache" });
  }

  get(key: number): boolean {
    return this.cache.get(key) !== null;
  }

  upsert(key: number): number {
    const index = this.cache.upsert(key);
    this.values[index] = key;
    return index;
  }
}

/** What the specification says of one set, in the simplest words. */
class SetModel {
  readonly ways: { key: number; count: number }[] = Array.from({ length: CACHE_WAYS }, () => ({ key: -1, count: 0 }));
  hand = 0;

  find(key: number): { key: number; count: number } | undefined {
    return this.ways.find((way) => way.count > 0 && way.key === key);
  }

  get(key: number): boolean {
    const way = this.find(key);
    if (way === undefined) return false;
    way.count = Math.min(3, way.count + 1);
    return true;
  }

  upsert(key: number): number {
    const present = this.find(key);
    if (present !== undefined) {
      present.count = 1;
      return this.ways.indexOf(present);
    }
    for (;;) {
      const way = this.ways[this.hand];
      if (way === undefined) throw new Error("no such way");
      const at = this.hand;
      if (way.count > 0) way.count -= 1;
      if (way.count > 0) {
        this.hand = (this.hand + 1) % CACHE_WAYS;
        continue;
      }
      Object.assign(way, { key, count: 1 });
      this.hand = (at + 1) % CACHE_WAYS;
      return at;
    }
  }

  setCount(key: number, count: number): void {
    const way = this.find(key);
    if (way !== undefined) way.count = count;
  }
}

describe("the set-associative cache", () => {
  test("does what the model of a set does, entry by entry", () => {
    const step = fc.record({
      operation: fc.constantFrom("get", "get", "upsert", "upsert", "remove", "demote", "has"),
      key: fc.nat(25),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
        const actual = new NumberCache(64, true);
        const model = new SetModel();
        const [first] = [actual.upsert(0) - model.upsert(0)];
        for (const { operation, key } of steps) {
          switch (operation) {
            case "get":
              expect(actual.get(key)).toBe(model.get(key));
              break;
            case "has":
              expect(actual.cache.has(key)).toBe(model.find(key) !== undefined);
              break;
            case "upsert":
              expect(actual.upsert(key) - first).toBe(model.upsert(key));
              break;
            case "remove":
              expect(actual.cache.remove(key) !== null).toBe(model.find(key) !== undefined);
              model.setCount(key, 0);
              break;
            case "demote":
              actual.cache.demote(key);
              model.setCount(key, 1);
          }
        }
      }),
      { numRuns: propertyRuns(100) },
    );
  });

  test("never has a key that was not put in, nor one that was taken out", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.boolean(), fc.nat(2000)), { maxLength: 500 }), (steps) => {
        const actual = new NumberCache(128, false);
        const present = new Set<number>();
        for (const [put, key] of steps) {
          if (put) {
            actual.upsert(key);
            present.add(key);
            expect(actual.get(key)).toBe(true);
          } else {
            actual.cache.remove(key);
            present.delete(key);
            expect(actual.get(key)).toBe(false);
          }
        }
        for (let key = 0; key <= 2000; key += 1) if (actual.get(key)) expect(present.has(key)).toBe(true);
      }),
      { numRuns: propertyRuns(50) },
    );
  });

  test("what is used survives what is not", () => {
    const actual = new NumberCache(64, true);
    for (let key = 0; key < CACHE_WAYS; key += 1) actual.upsert(key);
    for (let times = 0; times < 3; times += 1) actual.get(7);
    for (let key = 100; key < 100 + CACHE_WAYS - 1; key += 1) actual.upsert(key);
    expect(actual.get(7)).toBe(true);
    expect(actual.get(6)).toBe(false);
  });

  test("a demoted key goes before its neighbours", () => {
    const actual = new NumberCache(64, true);
    for (let key = 0; key < CACHE_WAYS; key += 1) {
      actual.upsert(key);
      actual.get(key);
    }
    actual.cache.demote(5);
    actual.upsert(100);
    expect(actual.cache.has(5)).toBe(false);
    expect(actual.cache.counts.evictions).toBe(1);
  });

  test("is empty after a reset", () => {
    const actual = new NumberCache(64, false);
    for (let key = 0; key < 30; key += 1) actual.upsert(key);
    actual.cache.reset();
    for (let key = 0; key < 30; key += 1) expect(actual.get(key)).toBe(false);
  });

  test("has whole words of entries only", () => {
    expect(() => new NumberCache(65, false)).toThrow("65 entries");
    expect(() => new NumberCache(0, false)).toThrow("0 entries");
  });
});
