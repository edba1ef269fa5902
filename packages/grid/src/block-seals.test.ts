import { BlockType, HEADER_SIZE_BYTES } from "@stagbeetle/vsr-protocol";
import { describe, expect, test } from "vitest";

import { Bench } from "../test/bench.ts";
import type { Block } from "./block.ts";
import { BlockSeal } from "./block-seals.ts";
import { BlockWrite } from "./block-writes.ts";

const SIZE_BYTES: number = HEADER_SIZE_BYTES + 3 * 128;

/** A new block with a body and without checksums, of the lowest free address. The caller owns it. */
function unsealed(bench: Bench, fill = 1): Block {
  const [address = 0] = bench.acquire(1);
  const block = bench.grid.blocks.acquire();
  const { cluster, checkpointRelease: release } = bench.grid;
  block.init({ cluster, release, address, snapshot: 1, blockType: BlockType.value });
  block.buffer.fill(fill, HEADER_SIZE_BYTES, SIZE_BYTES);
  block.buffer.fill(0xee, SIZE_BYTES);
  return block;
}

/** Begins to seal a block. `sealed` counts. */
function sealing(bench: Bench, block: Block): { seal: BlockSeal; sealed: number } {
  const result = { seal: new BlockSeal(() => (result.sealed += 1)), sealed: 0 };
  bench.grid.sealBlock(result.seal, block, SIZE_BYTES);
  return result;
}

describe("a block that is sealed", () => {
  test.each([
    ["inside of the call", false],
    ["later", true],
  ])("%s is the same as one that is sealed by hand", (_, checksumsLater) => {
    const bench = Bench.open({ checksumsLater });
    const block = unsealed(bench);
    const expected = bench.grid.blocks.acquire();
    expected.buffer.set(block.buffer);
    expected.seal(SIZE_BYTES, bench.checksums);
    const result = sealing(bench, block);
    expect([result.sealed, result.seal.pending]).toEqual(checksumsLater ? [0, true] : [1, false]);
    bench.storage.run();
    expect([result.sealed, result.seal.pending]).toEqual([1, false]);
    expect(block.sectors()).toEqual(expected.sectors());
  });

  test("can be written and read from its callback on, with the seal used for the next one", () => {
    const bench = Bench.open({ checksumsLater: true });
    const blocks = [unsealed(bench, 1), unsealed(bench, 2), unsealed(bench, 3)];
    const seal = new BlockSeal(() => {
      const block = blocks[0];
      if (block === undefined) throw new Error("no block is sealed");
      bench.grid.createBlock(new BlockWrite(() => undefined), block);
      expect(bench.grid.readBlockFromCache(block.header.address, block.header.checksum)).toBe(block);
      blocks.shift()?.release();
      if (blocks[0] !== undefined) bench.grid.sealBlock(seal, blocks[0], SIZE_BYTES);
    });
    if (blocks[0] !== undefined) bench.grid.sealBlock(seal, blocks[0], SIZE_BYTES);
    bench.storage.run();
    expect([bench.storage.log, blocks]).toEqual([["write 1", "write 2", "write 3"], []]);
  });

  test("was acquired, is held by its owner alone, and fits", () => {
    const bench = Bench.open();
    const block = unsealed(bench);
    const seal = new BlockSeal(() => undefined);
    block.retain();
    expect(() => bench.grid.sealBlock(seal, block, SIZE_BYTES)).toThrow("2 owners");
    block.release();
    expect(() => bench.grid.sealBlock(seal, block, HEADER_SIZE_BYTES)).toThrow("256 bytes");
    block.header.address = 99;
    expect(() => bench.grid.sealBlock(seal, block, SIZE_BYTES)).toThrow("sealed and free");
  });
});

describe("a block that is being sealed", () => {
  test("cannot be sealed again, written, or read by anyone who needs it", () => {
    const bench = Bench.open({ checksumsLater: true });
    const block = unsealed(bench);
    const { seal } = sealing(bench, block);
    const { address } = block.header;
    const reference = { address, checksum: 1n };
    expect(() => sealing(bench, block)).toThrow("sealed twice at once");
    const other = unsealed(bench);
    expect(() => bench.grid.sealBlock(seal, other, SIZE_BYTES)).toThrow("for two blocks at once");
    expect(() => bench.grid.createBlock(new BlockWrite(() => undefined), block)).toThrow("while it is sealed");
    expect(() => bench.read(reference)).toThrow("while it is sealed");
    expect(() => bench.grid.readBlockFromCache(address, 1n)).toThrow("while it is sealed");
    expect(() => bench.grid.checkpoint(() => undefined)).toThrow("1 blocks are sealed at a checkpoint");
  });

  test("is not what another replica gets that asks for its address", () => {
    const bench = Bench.open({ checksumsLater: true });
    const { address } = unsealedAndSealing(bench).header;
    expect(bench.readLocally({ address, checksum: 1n })).toBe("invalid_checksum");
  });

  test("is dropped by a cancel without a word, which waits until nobody reads it", () => {
    const bench = Bench.open({ checksumsLater: true });
    const block = unsealed(bench);
    const result = sealing(bench, block);
    let cancelled = false;
    bench.grid.cancel(() => {
      cancelled = true;
      expect(result.seal.pending).toBe(false);
      block.release();
    });
    expect([cancelled, bench.storage.checksumCount]).toEqual([false, 1]);
    bench.storage.run();
    expect([cancelled, result.sealed, bench.grid.state]).toEqual([true, 0, "closed"]);
    bench.open();
    bench.grid.missing.resume(() => true);
    bench.checkpointDurable();
    bench.grid.sealBlock(result.seal, unsealed(bench), SIZE_BYTES);
    bench.storage.run();
    expect(result.sealed).toBe(1);
  });
});

function unsealedAndSealing(bench: Bench): Block {
  const block = unsealed(bench);
  sealing(bench, block);
  return block;
}
