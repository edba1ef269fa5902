import { BlockPool, indexBlockSize, IndexMetadata, ManifestMetadata, ValueMetadata } from "@stagbeetle/grid";
import type { Block } from "@stagbeetle/grid";
import { LinearMemory } from "@stagbeetle/kernels";
import { Account } from "@stagbeetle/state-machine";
import { BlockType, Checksums, HEADER_SIZE_BYTES, PRODUCTION } from "@stagbeetle/vsr-protocol";
import { describe, expect, test } from "vitest";

import { gridBlockReport, gridBlockText } from "./grid-block.ts";
import { ledgerTrees } from "./trees.ts";

const { blockSize } = PRODUCTION.cluster;
const ADDRESS = 43;

/** A block of address 43 with this body. */
function blockOf(blockType: BlockType, body: Uint8Array, describeBlock: (block: Block) => void): Block {
  const memory = new LinearMemory({ sizeBytes: 2 * blockSize, shared: false });
  const block = new BlockPool({ memory, blockSize, blocksMax: 1 }).acquire();
  block.init({ cluster: 0n, release: 4361, address: ADDRESS, snapshot: 1, blockType });
  describeBlock(block);
  block.buffer.set(body, HEADER_SIZE_BYTES);
  block.seal(HEADER_SIZE_BYTES + body.length, new Checksums());
  return block;
}

const treeOf = (name: string) => ledgerTrees(PRODUCTION).find((tree) => tree.name === name);

/** A block with these values of a tree. */
function valuesOf(name: string, values: Uint8Array): Block {
  const tree = treeOf(name);
  const valueSize = tree?.layout.sizeBytes ?? 0;
  const valueCount = values.length / valueSize;
  return blockOf(BlockType.value, values, (block) =>
    Object.assign(block.metadata(ValueMetadata), { valueCount, valueCountMax: 100, valueSize, treeId: tree?.treeId }),
  );
}

function linesOf(block: Block): readonly string[] {
  return gridBlockText(gridBlockReport(PRODUCTION, ADDRESS, block)).split("\n");
}

describe("a block of the grid", () => {
  test("with objects shows their fields", () => {
    const account = new Account(new Uint8Array(Account.sizeBytes));
    Object.assign(account, { id: 7n, code: 9, timestamp: 11n });
    const lines = linesOf(valuesOf("accounts", account.buffer));
    expect(lines[0]).toMatch(/^header=Block\{ \.checksum=[0-9a-f]{32}, .*, \.address=43, /u);
    expect(lines).toContain("header.metadata.value_count=1");
    expect(lines).toContain("accounts[0].id=0x00000000000000000000000000000007");
    expect(lines).toContain("accounts[0].timestamp=11");
  });

  test.each([
    ["accounts.code", [9n, 11n], "accounts.code[0]: 9 11 "],
    ["accounts.user_data_128", [1n, 2n, 11n, 0n], `accounts.user_data_128[0]: ${(2n << 64n) | 1n} 11 `],
    ["accounts.imported", [11n], "accounts.imported[0]: void 11 "],
    ["accounts.id", [7n, 0n, 11n, 0n], "accounts.id[0].timestamp=11"],
  ])("of %s shows its values", (name, words, line) => {
    const bytes = new Uint8Array(new BigUint64Array(words).buffer);
    expect(treeOf(name)?.layout.sizeBytes).toBe(bytes.length);
    expect(linesOf(valuesOf(name, bytes))).toContain(line);
  });

  test("of an index names its value blocks", () => {
    const tree = treeOf("transfers.id");
    const body = new Uint8Array(indexBlockSize(tree?.valueBlocksMax ?? 0, 16) - HEADER_SIZE_BYTES);
    for (const index of [0, 1]) {
      const offset = (tree?.addressOffset(index) ?? 0) - HEADER_SIZE_BYTES;
      new DataView(body.buffer).setBigUint64(offset, BigInt(70 + index), true);
    }
    const block = blockOf(BlockType.index, body, (index) =>
      Object.assign(index.metadata(IndexMetadata), {
        valueBlockCount: 2,
        valueBlockCountMax: tree?.valueBlocksMax,
        keySize: 16,
        treeId: tree?.treeId,
      }),
    );
    expect(linesOf(block)).toContain(`value_blocks[__1]: address=71 checksum=${"0".repeat(32)}`);
  });

  test("of the manifest log shows what happened to tables", () => {
    const block = blockOf(BlockType.manifest, new Uint8Array(128), (manifest) =>
      Object.assign(manifest.metadata(ManifestMetadata), { entryCount: 1 }),
    );
    expect(linesOf(block).at(-2)).toMatch(/^entry\[____0\]: \S+ level=0 address=0 .* tree_id=0! key=0\.\.0 /u);
  });

  test("of the free set is left to `inspect grid`", () => {
    const block = blockOf(BlockType.freeSet, new Uint8Array(8), () => undefined);
    expect(linesOf(block).at(-2)).toBe("body: unimplemented for block_type=free_set");
  });
});
