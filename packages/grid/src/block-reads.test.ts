import { propertyRuns } from "@stagbeetle/kernels/testing";
import { HEADER_SIZE_BYTES, Random } from "@stagbeetle/vsr-protocol";
import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { GridHarness } from "../test/grid-harness.ts";

/** More than are under way at once. */
const BLOCKS = 12;

describe("reads whose checksums come later", () => {
  test("find in any order what reads find whose checksums come at once", () => {
    const damage = fc.record({ block: fc.nat({ max: BLOCKS - 1 }), offset: fc.nat({ max: 4095 }) });
    const wanted = fc.record({ block: fc.nat({ max: BLOCKS - 1 }), stale: fc.boolean() });
    fc.assert(
      fc.property(
        fc.array(damage),
        fc.array(wanted, { minLength: 1, maxLength: 30 }),
        fc.nat(),
        (damages, reads, seed) => {
          const outcomes = [false, true].map((checksumsLater) => {
            const harness = GridHarness.open({ checksumsLater });
            const random = new Random(seed);
            if (checksumsLater) harness.storage.choose = (count) => random.index(count);
            const references = Array.from({ length: BLOCKS }, (_, index) => harness.written(index + 1));
            for (const { block, offset } of damages) harness.storage.damage(block + 1, offset);
            const available = harness.grid.blocks.available;
            const results = reads.map(({ block, stale }) => {
              const { address, checksum } = references[block] ?? { address: 0, checksum: 0n };
              return harness.read({ address, checksum: stale ? 1n : checksum }, { source: "localStorage" });
            });
            harness.storage.run();
            expect(harness.grid.blocks.available).toBe(available);
            return results;
          });
          expect(outcomes[1]).toEqual(outcomes[0]);
        },
      ),
      { numRuns: propertyRuns(50) },
    );
  });

  test("share one read of the disk and one checksum, whenever they come", () => {
    const harness = GridHarness.open({ checksumsLater: true });
    const reference = harness.written(4);
    const first = harness.read(reference);
    while (harness.storage.checksumCount === 0) harness.storage.step();
    const second = harness.read(reference);
    // The second read begins before the checksum is there.
    harness.storage.choose = (count) => count - 1;
    harness.storage.run();
    expect([first, second]).toEqual([[4], [4]]);
    expect(harness.log).toEqual(["write 1", "read 1"]);
  });

  test("of a damaged header need no checksum of a body", () => {
    const harness = GridHarness.open({ checksumsLater: true });
    const reference = harness.written(4);
    harness.storage.damage(reference.address, 20);
    const results = harness.read(reference, { source: "localStorage" });
    for (let steps = 0; steps < 2; steps += 1) harness.storage.step();
    expect([results, harness.storage.checksumCount]).toEqual([["invalid_checksum"], 0]);
  });

  test("of a damaged body wait for another replica then", () => {
    const harness = GridHarness.open({ checksumsLater: true });
    const reference = harness.written(4);
    const bytes = harness.storage.bytes(0, harness.config.cluster.blockSize);
    harness.storage.damage(reference.address, HEADER_SIZE_BYTES);
    const results = harness.read(reference);
    harness.storage.run();
    expect([results, harness.grid.readWaitsForBlock]).toEqual([[], true]);
    expect(harness.grid.receiveBlock(bytes)).toBe(true);
    expect(results).toEqual([4]);
  });

  test("are dropped by a cancel without a word, which waits for their checksums", () => {
    const harness = GridHarness.open({ checksumsLater: true });
    const references = Array.from({ length: BLOCKS }, (_, index) => harness.written(index + 1));
    const available = harness.grid.blocks.available;
    const results = references.map((reference) => harness.read(reference));
    while (harness.storage.checksumCount === 0) harness.storage.step();
    let cancelled = false;
    harness.grid.cancel(() => (cancelled = true));
    expect(cancelled).toBe(false);
    harness.storage.run();
    expect([cancelled, harness.grid.state, harness.grid.blocks.available]).toEqual([true, "closed", available]);
    expect(results).toEqual(references.map(() => []));
  });
});
