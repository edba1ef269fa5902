import { BlockType, HEADER_SIZE_BYTES } from "@stagbeetle/vsr-protocol";
import { describe, expect, test } from "vitest";

import { GridHarness } from "../test/grid-harness.ts";
import type { Block } from "./block.ts";
import { BlockSeal } from "./block-seals.ts";
import { BlockWrite } from "./block-writes.ts";

const SIZE_BYTES: number = HEADER_SIZE_BYTES + 3 * 128;

/** A new block with a body and without checksums, of the lowest free address. The caller owns it. */
function unsealed(harness: GridHarness, fill = 1): Block {
  const [address = 0] = harness.acquire(1);
  const block = harness.grid.blocks.acquire();
  const { cluster, checkpointRelease: release } = harness.grid;
  block.init({ cluster, release, address, snapshot: 1, blockType: BlockType.value });
  block.buffer.fill(fill, HEADER_SIZE_BYTES, SIZE_BYTES);
  block.buffer.fill(0xee, SIZE_BYTES);
  return block;
}

/** Begins to seal a block. `sealed` counts. */
function sealing(harness: GridHarness, block: Block): { seal: BlockSeal; sealed: number } {
  const result = { seal: new BlockSeal(() => (result.sealed += 1)), sealed: 0 };
  harness.grid.sealBlock(result.seal, block, SIZE_BYTES);
  return result;
}

describe("a block that is sealed", () => {
  test.each([
    ["inside of the call", false],
    ["later", true],
  ])("%s is the same as one that is sealed by hand", (_, checksumsLater) => {
    const harness = GridHarness.open({ checksumsLater });
    const block = unsealed(harness);
    const expected = harness.grid.blocks.acquire();
    expected.buffer.set(block.buffer);
    expected.seal(SIZE_BYTES, harness.checksums);
    const result = sealing(harness, block);
    expect([result.sealed, result.seal.pending]).toEqual(checksumsLater ? [0, true] : [1, false]);
    harness.storage.run();
    expect([result.sealed, result.seal.pending]).toEqual([1, false]);
    expect(block.sectors()).toEqual(expected.sectors());
  });

  test("can be written and read from its callback on, with the seal used for the next one", () => {
    const harness = GridHarness.open({ checksumsLater: true });
    const blocks = [unsealed(harness, 1), unsealed(harness, 2), unsealed(harness, 3)];
    const seal = new BlockSeal(() => {
      const block = blocks[0];
      if (block === undefined) throw new Error("no block is sealed");
      harness.grid.createBlock(new BlockWrite(() => undefined), block);
      expect(harness.grid.readBlockFromCache(block.header.address, block.header.checksum)).toBe(block);
      blocks.shift()?.release();
      if (blocks[0] !== undefined) harness.grid.sealBlock(seal, blocks[0], SIZE_BYTES);
    });
    if (blocks[0] !== undefined) harness.grid.sealBlock(seal, blocks[0], SIZE_BYTES);
    harness.storage.run();
    expect([harness.log, blocks]).toEqual([["write 1", "write 2", "write 3"], []]);
  });

  test("was acquired, is held by its owner alone, and fits", () => {
    const harness = GridHarness.open();
    const block = unsealed(harness);
    const seal = new BlockSeal(() => undefined);
    block.retain();
    expect(() => harness.grid.sealBlock(seal, block, SIZE_BYTES)).toThrow("2 owners");
    block.release();
    expect(() => harness.grid.sealBlock(seal, block, HEADER_SIZE_BYTES)).toThrow("256 bytes");
    block.header.address = 99;
    expect(() => harness.grid.sealBlock(seal, block, SIZE_BYTES)).toThrow("sealed and free");
  });
});

describe("a block that is being sealed", () => {
  test("cannot be sealed again, written, or read by anyone who needs it", () => {
    const harness = GridHarness.open({ checksumsLater: true });
    const block = unsealed(harness);
    const { seal } = sealing(harness, block);
    const { address } = block.header;
    const reference = { address, checksum: 1n };
    expect(() => sealing(harness, block)).toThrow("sealed twice at once");
    const other = unsealed(harness);
    expect(() => harness.grid.sealBlock(seal, other, SIZE_BYTES)).toThrow("for two blocks at once");
    expect(() => harness.grid.createBlock(new BlockWrite(() => undefined), block)).toThrow("while it is sealed");
    expect(() => harness.read(reference)).toThrow("while it is sealed");
    expect(() => harness.grid.readBlockFromCache(address, 1n)).toThrow("while it is sealed");
    expect(() => harness.grid.checkpoint(() => undefined)).toThrow("1 blocks are sealed at a checkpoint");
  });

  test("is not what another replica gets that asks for its address", () => {
    const harness = GridHarness.open({ checksumsLater: true });
    const { address } = unsealedAndSealing(harness).header;
    expect(harness.readLocally({ address, checksum: 1n })).toBe("invalid_checksum");
  });

  test("is dropped by a cancel without a word, which waits until nobody reads it", () => {
    const harness = GridHarness.open({ checksumsLater: true });
    const block = unsealed(harness);
    const result = sealing(harness, block);
    let cancelled = false;
    harness.grid.cancel(() => {
      cancelled = true;
      expect(result.seal.pending).toBe(false);
      block.release();
    });
    expect([cancelled, harness.storage.checksumCount]).toEqual([false, 1]);
    harness.storage.run();
    expect([cancelled, result.sealed, harness.grid.state]).toEqual([true, 0, "closed"]);
    harness.open();
    harness.grid.missing.resume(() => true);
    harness.checkpointDurable();
    harness.grid.sealBlock(result.seal, unsealed(harness), SIZE_BYTES);
    harness.storage.run();
    expect(result.sealed).toBe(1);
  });
});

function unsealedAndSealing(harness: GridHarness): Block {
  const block = unsealed(harness);
  sealing(harness, block);
  return block;
}
