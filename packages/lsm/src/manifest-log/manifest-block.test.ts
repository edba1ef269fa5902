import { BlockPool } from "@stagbeetle/grid";
import { propertyRuns } from "@stagbeetle/kernels/testing";
import { createKernels, LinearMemory } from "@stagbeetle/kernels";
import { BlockType, Checksums, HEADER_SIZE_BYTES, TEST_MIN } from "@stagbeetle/vsr-protocol";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Tables } from "../../test/builders.ts";
import { ManifestEvent, TABLE_INFO_SIZE_BYTES, TableInfoPool, TableInfoView } from "../manifest/table-info.ts";
import { entryCountOf, entryPointer, manifestBlockInvalid, manifestBlockSize } from "./manifest-block.ts";

const ENTRIES = 3;
const { blockSize } = TEST_MIN.cluster;
const memory = new LinearMemory({ sizeBytes: 1 << 20, shared: false });
const checksums = new Checksums(createKernels({ memory }));
const infos = new TableInfoView(memory);
const tables = new Tables(memory, infos, new TableInfoPool(memory, ENTRIES));
const block = new BlockPool({ memory, blockSize, blocksMax: 1 }).acquire();

/** Where the metadata begins, and in it the number of entries. */
const METADATA = 128;
const ENTRY_COUNT = METADATA + 40;

const entries = Array.from({ length: ENTRIES }, (_, entry) => {
  const table = tables.make({ keyMin: entry, keyMax: entry + 1, address: 10 + entry });
  infos.setLabel(table, ManifestEvent.insert, entry);
  return table;
});

/** Makes the block a valid one. */
function build(): void {
  block.buffer.fill(0);
  block.init({ cluster: 0n, release: 1, address: 9, snapshot: 0, blockType: BlockType.manifest });
  block.buffer[ENTRY_COUNT] = ENTRIES;
  for (const [entry, table] of entries.entries()) infos.copy(entryPointer(block, entry), table);
  block.seal(manifestBlockSize(ENTRIES), checksums);
}

const invalid = (): string | null => manifestBlockInvalid(block, infos, TEST_MIN);

describe("a manifest block", () => {
  test("is valid with the entries that its metadata counts", () => {
    build();
    expect(invalid()).toBeNull();
    expect(entryCountOf(block)).toBe(ENTRIES);
    expect(block.header.size).toBe(HEADER_SIZE_BYTES + ENTRIES * TABLE_INFO_SIZE_BYTES);
    expect(() => entryPointer(block, 30)).toThrow("entry 30");
  });

  test.each([
    ["block_type is 4", 240, BlockType.index],
    ["snapshot is not 0", 232, 1],
    ["entry_count is 0", ENTRY_COUNT, 0],
    ["entry_count is 31", ENTRY_COUNT, 31],
    ["size 640 is not that of 4 entries", ENTRY_COUNT, 4],
    ["there is no previous block, but it has a checksum", METADATA, 1],
    ["padding is not zero", METADATA + 16, 1],
    ["reserved is not zero", METADATA + 44, 1],
    ["previous_manifest_block_address is out of range", METADATA + 39, 1],
    ["entry 2 of 3: tree_id is 0", HEADER_SIZE_BYTES + 2 * TABLE_INFO_SIZE_BYTES + 124, 0],
  ])("is refused because %s", (reason, at, value) => {
    build();
    block.buffer[at] = value;
    expect(invalid()).toBe(reason);
  });

  test("of any bytes is refused or can be read", () => {
    const change = fc.tuple(fc.nat(blockSize - 1), fc.nat(255));
    // The size is the grid's to check, before anyone looks at the contents.
    const nearValid = fc.array(change, { maxLength: 4 }).map((changes) => {
      build();
      for (const [at, value] of changes) if (at < 96 || at >= 100) block.buffer[at] = value;
    });
    const arbitrary = fc.uint8Array({ minLength: blockSize, maxLength: blockSize }).map((bytes) => {
      block.buffer.set(bytes);
      block.header.size = HEADER_SIZE_BYTES + 1 + (block.header.size % (blockSize - HEADER_SIZE_BYTES));
      block.buffer[240] = BlockType.manifest;
    });
    fc.assert(
      fc.property(fc.oneof({ weight: 3, arbitrary: nearValid }, { weight: 1, arbitrary }), () => {
        if (invalid() !== null) return;
        for (let entry = 0; entry < entryCountOf(block); entry += 1) {
          expect(infos.address(entryPointer(block, entry))).toBeGreaterThan(0);
          expect(infos.level(entryPointer(block, entry))).toBeLessThan(TEST_MIN.cluster.lsmLevels);
        }
      }),
      { numRuns: propertyRuns(300) },
    );
  });
});
