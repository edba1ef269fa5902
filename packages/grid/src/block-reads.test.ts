import { HEADER_SIZE_BYTES, Random } from "@stagbeetle/vsr-protocol";
import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { Bench } from "../test/bench.ts";
import { propertyRuns } from "../test/builders.ts";

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
            const bench = Bench.open({ checksumsLater });
            const random = new Random(seed);
            if (checksumsLater) bench.storage.choose = (count) => random.index(count);
            const references = Array.from({ length: BLOCKS }, (_, index) => bench.written(index + 1));
            for (const { block, offset } of damages) bench.storage.damage(block + 1, offset);
            const available = bench.grid.blocks.available;
            const results = reads.map(({ block, stale }) => {
              const { address, checksum } = references[block] ?? { address: 0, checksum: 0n };
              return bench.read({ address, checksum: stale ? 1n : checksum }, { source: "localStorage" });
            });
            bench.storage.run();
            expect(bench.grid.blocks.available).toBe(available);
            return results;
          });
          expect(outcomes[1]).toEqual(outcomes[0]);
        },
      ),
      { numRuns: propertyRuns(50) },
    );
  });

  test("share one read of the disk and one checksum, whenever they come", () => {
    const bench = Bench.open({ checksumsLater: true });
    const reference = bench.written(4);
    const first = bench.read(reference);
    while (bench.storage.checksumCount === 0) bench.storage.step();
    const second = bench.read(reference);
    // The second read begins before the checksum is there.
    bench.storage.choose = (count) => count - 1;
    bench.storage.run();
    expect([first, second]).toEqual([[4], [4]]);
    expect(bench.storage.log).toEqual(["write 1", "read 1"]);
  });

  test("of a damaged header need no checksum of a body", () => {
    const bench = Bench.open({ checksumsLater: true });
    const reference = bench.written(4);
    bench.storage.damage(reference.address, 20);
    const results = bench.read(reference, { source: "localStorage" });
    for (let steps = 0; steps < 2; steps += 1) bench.storage.step();
    expect([results, bench.storage.checksumCount]).toEqual([["invalid_checksum"], 0]);
  });

  test("of a damaged body wait for another replica then", () => {
    const bench = Bench.open({ checksumsLater: true });
    const reference = bench.written(4);
    const bytes = bench.storage.bytes(0, bench.config.cluster.blockSize);
    bench.storage.damage(reference.address, HEADER_SIZE_BYTES);
    const results = bench.read(reference);
    bench.storage.run();
    expect([results, bench.grid.readWaitsForBlock]).toEqual([[], true]);
    expect(bench.grid.receiveBlock(bytes)).toBe(true);
    expect(results).toEqual([4]);
  });

  test("are dropped by a cancel without a word, which waits for their checksums", () => {
    const bench = Bench.open({ checksumsLater: true });
    const references = Array.from({ length: BLOCKS }, (_, index) => bench.written(index + 1));
    const available = bench.grid.blocks.available;
    const results = references.map((reference) => bench.read(reference));
    while (bench.storage.checksumCount === 0) bench.storage.step();
    let cancelled = false;
    bench.grid.cancel(() => (cancelled = true));
    expect(cancelled).toBe(false);
    bench.storage.run();
    expect([cancelled, bench.grid.state, bench.grid.blocks.available]).toEqual([true, "closed", available]);
    expect(results).toEqual(references.map(() => []));
  });
});
