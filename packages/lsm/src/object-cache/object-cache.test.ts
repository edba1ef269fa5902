import { createKernels, LinearMemory } from "@stagbeetle/kernels";
import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { ObjectCache } from "./object-cache.ts";

const OBJECTS_PER_BAR = 40;
const runs = 150 * Number(process.env["STAGBEETLE_PROPERTY_RUNS"] ?? 1);

/** Objects of 16 bytes: a timestamp that is the key, and a payload. */
function create(objectsKeptMax: number): {
  cache: ObjectCache;
  get: (key: bigint) => bigint | null;
  put: (key: bigint, payload: bigint) => void;
} {
  const kernels = createKernels({ memory: new LinearMemory({ sizeBytes: 1 << 18, shared: false }) });
  const { memory } = kernels;
  const cache = new ObjectCache({
    kernels,
    name: "test",
    objectSizeBytes: 16,
    keyOffset: 0,
    keySizeBytes: 8,
    objectsPerBarMax: OBJECTS_PER_BAR,
    objectsKeptMax,
    scopeChangesMax: 40,
  });
  const key = memory.allocate(16, 16);
  const place = (wanted: bigint): number => {
    memory.view.setBigUint64(key, wanted, true);
    return cache.get(key);
  };
  const get = (wanted: bigint): bigint | null => {
    const object = place(wanted);
    return object === 0 ? null : memory.view.getBigUint64(object + 8, true);
  };
  const put = (wanted: bigint, payload: bigint): void => {
    const object = place(wanted);
    const target = object === 0 ? cache.slot() : key;
    memory.view.setBigUint64(target, wanted, true);
    memory.view.setBigUint64(target + 8, payload, true);
    if (object === 0) cache.insert();
    else cache.update(object, key);
  };
  return { cache, get, put };
}

describe("the object cache", () => {
  test("has all that was put since the end of the last bar, and nothing stale", () => {
    const step = fc.oneof(
      {
        weight: 10,
        arbitrary: fc.record({ key: fc.bigInt({ min: 1n, max: 60n }), payload: fc.bigInt({ min: 0n, max: 999n }) }),
      },
      {
        weight: 2,
        arbitrary: fc.constantFrom("bar" as const, "open" as const, "persist" as const, "discard" as const),
      },
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120, size: "max" }), fc.constantFrom(0, 5, 30), (steps, kept) => {
        const { cache, get, put } = create(kept);
        let model = new Map<bigint, bigint>();
        let fresh = new Set<bigint>();
        let saved: { readonly model: Map<bigint, bigint>; readonly fresh: Set<bigint> } | null = null;
        let changes = 0;
        for (const each of steps) {
          if (each === "bar" || (typeof each === "object" && cache.count >= OBJECTS_PER_BAR + kept - 1)) {
            if (saved !== null) continue;
            cache.endBar();
            fresh = new Set();
            expect(cache.count).toBeLessThanOrEqual(kept);
          } else if (each === "open") {
            if (saved !== null) continue;
            cache.scopeOpen();
            saved = { model: new Map(model), fresh: new Set(fresh) };
            changes = 0;
          } else if (each === "persist" || each === "discard") {
            if (saved === null) continue;
            cache.scopeClose(each);
            if (each === "discard") ({ model, fresh } = saved);
            saved = null;
          } else {
            changes += 1;
            if (changes > 40) continue;
            put(each.key, each.payload);
            model.set(each.key, each.payload);
            fresh.add(each.key);
          }
          for (const [key, payload] of model) {
            const found = get(key);
            if (fresh.has(key) || found !== null) expect(found).toBe(payload);
          }
        }
      }),
      { numRuns: runs },
    );
  });

  test("keeps what was asked for rather than what was not", () => {
    const { cache, get, put } = create(2);
    for (let key = 1n; key <= 6n; key += 1n) put(key, key);
    cache.endBar();
    const kept = [1n, 2n, 3n, 4n, 5n, 6n].filter((key) => get(key) !== null);
    expect(kept.length).toBe(2);
    put(7n, 7n);
    put(8n, 8n);
    cache.endBar();
    expect(cache.count).toBe(2);
  });

  test("asserts that a bar does not add more than it said", () => {
    const { put } = create(0);
    for (let key = 1n; key <= 40n; key += 1n) put(key, key);
    expect(() => put(41n, 0n)).toThrow("all 40 places");
  });
});
