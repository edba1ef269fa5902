import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { COMPACTION_BLOCKS_DEFAULT, COMPACTION_BLOCKS_MIN, divideCompactionBlocks } from "./compaction-blocks.ts";

describe("the blocks of compaction", () => {
  test.each([
    [COMPACTION_BLOCKS_MIN, { readerValueBlocks: 2, outputs: 11 }],
    [COMPACTION_BLOCKS_DEFAULT, { readerValueBlocks: 4, outputs: 24 }],
    [76, { readerValueBlocks: 8, outputs: 54 }],
  ])("%i are divided", (count, blocks) => {
    expect(divideCompactionBlocks(count)).toEqual(blocks);
  });

  test("are all given to somebody, and more of them take nothing from anybody", () => {
    fc.assert(
      fc.property(fc.integer({ min: COMPACTION_BLOCKS_MIN, max: 2 ** 32 }), (count) => {
        const [fewer, more] = [divideCompactionBlocks(count), divideCompactionBlocks(count + 1)];
        expect(2 * (2 + fewer.readerValueBlocks) + 2 + fewer.outputs).toBe(count);
        expect(more.readerValueBlocks).toBeGreaterThanOrEqual(fewer.readerValueBlocks);
        expect(more.outputs).toBeGreaterThanOrEqual(fewer.outputs - 1);
      }),
    );
  });

  test("are refused where there are too few", () => {
    expect(() => divideCompactionBlocks(COMPACTION_BLOCKS_MIN - 1)).toThrow("20 blocks for compaction: it needs 21");
  });
});
