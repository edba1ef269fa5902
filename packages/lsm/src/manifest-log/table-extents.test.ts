import { propertyRuns } from "@stagbeetle/kernels/testing";
import fc from "fast-check";
import { beforeEach, describe, expect, test } from "vitest";
import { Keys, testKernels } from "../../test/builders.ts";
import { TableExtents } from "./table-extents.ts";

const CAPACITY = 40;
const kernels = testKernels(1 << 20);
const extents = new TableExtents(kernels, CAPACITY);
/** The first 8 bytes of a key are its integer as a u64, as an address is. */
const addresses = new Keys(kernels.memory);

beforeEach(() => extents.clear());

describe("table extents", () => {
  test("know the latest entry of a table only", () => {
    extents.set(addresses.of(7), 100, 3);
    extents.set(addresses.of(7), 101, 0);
    expect(extents.count).toBe(1);
    expect(extents.isAt(addresses.of(7), 100, 3)).toBe(false);
    expect(extents.isAt(addresses.of(7), 101, 0)).toBe(true);
    expect(extents.isAt(addresses.of(7), 101, 1)).toBe(false);
    expect(extents.isAt(addresses.of(8), 101, 0)).toBe(false);
  });

  test("refuse to remove a table that is not there", () => {
    expect(() => extents.remove(addresses.of(7))).toThrow("not there");
  });

  test("end the process when a forest has more tables than it can have", () => {
    for (let table = 1; table <= CAPACITY; table += 1) extents.set(addresses.of(table), 1, 0);
    extents.set(addresses.of(1), 2, 0);
    expect(() => extents.set(addresses.of(CAPACITY + 1), 2, 1)).toThrow("which is all it can have");
    extents.remove(addresses.of(1));
    extents.set(addresses.of(CAPACITY + 1), 2, 1);
    expect(extents.count).toBe(CAPACITY);
  });

  test("equal a map under any changes", () => {
    const change = fc.record({
      table: fc.integer({ min: 1, max: CAPACITY }),
      remove: fc.boolean(),
      // Beyond 32 bits, as addresses in large files may be.
      block: fc.integer({ min: 1, max: 2 ** 40 }),
      entry: fc.nat(4093),
    });
    fc.assert(
      fc.property(fc.array(change, { maxLength: 200 }), (changes) => {
        extents.clear();
        const model = new Map<number, { block: number; entry: number }>();
        for (const { table, remove, block, entry } of changes) {
          const address = addresses.of(table);
          if (!remove) {
            extents.set(address, block, entry);
            model.set(table, { block, entry });
          } else if (model.delete(table)) extents.remove(address);
        }
        expect(extents.count).toBe(model.size);
        for (let table = 1; table <= CAPACITY; table += 1) {
          const expected = model.get(table);
          expect(extents.has(addresses.of(table))).toBe(expected !== undefined);
          if (expected !== undefined) {
            expect(extents.isAt(addresses.of(table), expected.block, expected.entry)).toBe(true);
          }
        }
      }),
      { numRuns: propertyRuns(100) },
    );
  });
});
