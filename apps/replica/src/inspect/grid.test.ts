import { encodeEwah, ewahEncodeSizeMax } from "@stagbeetle/grid";
import { PRODUCTION } from "@stagbeetle/vsr-protocol";
import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { BlockSet, decodeBlockSet, gridReport, gridText } from "./grid.ts";
import type { StoredFreeSet } from "./grid.ts";
import { freeSetDamage, gridBlockCount } from "./integrity.ts";
import type { Trailer } from "./trailer.ts";

/** Room for 128 addresses. */
function blockSet(...addresses: readonly number[]): BlockSet {
  const bits = new Uint32Array(4);
  for (const address of addresses) {
    const half = Math.floor((address - 1) / 32);
    bits[half] = (bits[half] ?? 0) | (1 << ((address - 1) % 32));
  }
  return new BlockSet(bits);
}

function trailer(address: number | null, sizeBytes: number): Trailer {
  const blocks = address === null ? [] : [{ address, checksum: 0xabn }];
  return { blocks, bytes: new Uint8Array(sizeBytes), fault: null };
}

const EMPTY: StoredFreeSet = {
  acquired: blockSet(),
  released: blockSet(),
  acquiredTrailer: trailer(null, 0),
  releasedTrailer: trailer(null, 0),
};

describe("a set of blocks", () => {
  test("has the addresses that it is made of", () => {
    const addresses = fc.uniqueArray(fc.integer({ min: 1, max: 128 }));
    fc.assert(
      fc.property(addresses, (chosen) => {
        const set = blockSet(...chosen);
        expect([...set.addresses()]).toEqual(chosen.toSorted((a, b) => a - b));
        expect([set.count, set.addressMax]).toEqual([chosen.length, Math.max(0, ...chosen)]);
      }),
    );
  });

  test("is decoded", () => {
    const bits = Uint32Array.of(0xffff_ffff, 0xffff_ffff, 0b101, 0);
    const encoded = new Uint32Array(ewahEncodeSizeMax(2) / 4);
    const sizeBytes = encodeEwah(bits, encoded);
    const set = decodeBlockSet(PRODUCTION, new Uint8Array(encoded.buffer, 0, sizeBytes));
    expect(set instanceof BlockSet ? [...set.addresses()] : set).toEqual(
      [...Array(64).keys(), 64, 66].map((bit) => bit + 1),
    );
  });

  test("that is none says why", () => {
    expect(decodeBlockSet(PRODUCTION, Uint8Array.of(0, 0, 0, 0, 9, 0, 0, 0))).toBe("truncated");
  });
});

describe("a free set", () => {
  test("that is empty is printed as by the reference", () => {
    expect(gridText(gridReport(PRODUCTION, EMPTY))).toBe(
      "free_set.blocks_free=134217728\nfree_set.blocks_acquired=0\nfree_set.blocks_released=0\n" +
        "free_set.highest_address_acquired=null\nfree_set.acquired_size=0B\nfree_set.acquired_compression_ratio=-nan\n" +
        "free_set.highest_address_released=null\nfree_set.released_size=0B\nfree_set.released_compression_ratio=-nan\n",
    );
  });

  test("counts the blocks that it is itself in", () => {
    const freeSet = {
      acquired: blockSet(1, 2, 9),
      released: blockSet(2),
      acquiredTrailer: trailer(17, 16),
      releasedTrailer: trailer(16, 8),
    };
    expect(gridBlockCount(freeSet)).toBe(4);
    expect(gridText(gridReport(PRODUCTION, freeSet)).split("\n")).toEqual([
      `free_set_trailer.blocks[0]: address=17 checksum=${"ab".padStart(32, "0")}`,
      `free_set_trailer.blocks[0]: address=16 checksum=${"ab".padStart(32, "0")}`,
      "free_set.blocks_free=134217723",
      "free_set.blocks_acquired=5",
      "free_set.blocks_released=3",
      "free_set.highest_address_acquired=17",
      "free_set.acquired_size=16B",
      "free_set.acquired_compression_ratio=0.1875",
      "free_set.highest_address_released=2",
      "free_set.released_size=8B",
      "free_set.released_compression_ratio=0.1250",
      "",
    ]);
  });

  test("is sound if exactly what is in use is acquired and not released", () => {
    const freeSet = { ...EMPTY, acquired: blockSet(1, 2, 3), released: blockSet(2) };
    expect(freeSetDamage(freeSet, new Set([1, 3]))).toEqual([]);
  });

  test.each([
    ["released, but free", [1], [2], [1], "block 2: released, but free"],
    ["in use, but free", [1], [], [1, 5], "block 5: in use, but free"],
    ["in use, but released", [1, 2], [2], [1, 2], "block 2: in use, but released"],
    ["acquired, but not in use", [1, 2], [], [1], "block 2: acquired, but not in use"],
  ] as const)("names a block that is %s", (_, acquired, released, visited, damage) => {
    const freeSet = { ...EMPTY, acquired: blockSet(...acquired), released: blockSet(...released) };
    expect(freeSetDamage(freeSet, new Set(visited))).toEqual([damage]);
  });
});
