import { propertyRuns, testMemory } from "@stagbeetle/kernels/testing";
import {
  BLOCK_LAYOUT,
  BlockType,
  Checksums,
  Command,
  HEADER_SIZE_BYTES,
  type Layout,
  PRODUCTION,
  type RecordClass,
  type RecordOf,
  TEST_MIN,
} from "@stagbeetle/vsr-protocol";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Block, blockFault } from "./block.ts";
import {
  indexBlockSize,
  IndexMetadata,
  indexValueBlock,
  ManifestMetadata,
  manifestEntryCountMax,
  metadataInvalid,
  tableValueBlocksMax,
  TrailerMetadata,
  ValueMetadata,
} from "./block-metadata.ts";
import { BlockPool } from "./block-pool.ts";

const checksums = new Checksums();
const BLOCK_SIZE = TEST_MIN.cluster.blockSize;

function createPool(blocksMax = 1): BlockPool {
  return new BlockPool({ memory: testMemory(BLOCK_SIZE * blocksMax), blockSize: BLOCK_SIZE, blocksMax });
}

/** A block of zeros with this metadata. */
function blockOf<Fields extends Layout>(
  blockType: BlockType,
  kind: RecordClass<Fields>,
  values: Partial<RecordOf<Fields>>,
  size: number,
): Block {
  const block = createPool().acquire();
  const snapshot = blockType === BlockType.index || blockType === BlockType.value ? 1 : 0;
  block.init({ cluster: 0n, release: 4360, address: 43, snapshot, blockType });
  Object.assign(block.metadata(kind), values);
  block.buffer.fill(0, HEADER_SIZE_BYTES);
  block.seal(size, checksums);
  return block;
}

const MANIFEST = { entryCount: 2 };
const INDEX = { valueBlockCount: 2, valueBlockCountMax: 3, keySize: 16, treeId: 5 };
const VALUE = { valueCount: 2, valueCountMax: 30, valueSize: 128, treeId: 5 };

describe("the headers of blocks", () => {
  test.each([
    [4360, 0x5d20b28ad4ef269b53269940988c4dafn],
    [4361, 0xc87dee7b1b0f64c8fdfdc209a0ff2b16n],
  ])("of a trailer of release %d have the checksum of the specification", (release, checksum) => {
    const block = createPool().acquire();
    block.buffer.fill(0xdd);
    block.init({ cluster: 0n, release, address: 43, snapshot: 0, blockType: BlockType.freeSet });
    block.buffer.set([0, 0, 0, 0, 1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 3, 0, 0], HEADER_SIZE_BYTES);
    block.seal(272, checksums);
    expect(block.header.checksumBody).toBe(0x6ee29e3b703ca4f2526dc255f03f57fen);
    expect(block.header.checksum).toBe(checksum);
    expect(block.buffer.subarray(272).every((byte) => byte === 0)).toBe(true);
    expect(metadataInvalid(block.header, TEST_MIN)).toBe(null);
  });

  test("can hold as much as the specification says", () => {
    expect([PRODUCTION, TEST_MIN].map(manifestEntryCountMax)).toEqual([4094, 30]);
    expect([PRODUCTION, TEST_MIN].map(tableValueBlocksMax)).toEqual([13_100, 96]);
  });

  test("of every kind are valid when they agree with themselves", () => {
    const blocks = [
      blockOf(BlockType.freeSet, TrailerMetadata, {}, HEADER_SIZE_BYTES + 8),
      blockOf(BlockType.clientSessions, TrailerMetadata, {}, HEADER_SIZE_BYTES + 264 * 7),
      blockOf(BlockType.manifest, ManifestMetadata, MANIFEST, HEADER_SIZE_BYTES + 2 * 128),
      blockOf(BlockType.index, IndexMetadata, INDEX, indexBlockSize(3, 16)),
      blockOf(BlockType.value, ValueMetadata, VALUE, HEADER_SIZE_BYTES + 2 * 128),
    ];
    for (const block of blocks) expect(metadataInvalid(block.header, TEST_MIN)).toBe(null);
  });

  const trailer = (values: Partial<TrailerMetadata>, size = 264): Block =>
    blockOf(BlockType.freeSet, TrailerMetadata, values, size);
  const manifest = (values: Partial<ManifestMetadata>): Block =>
    blockOf(BlockType.manifest, ManifestMetadata, { ...MANIFEST, ...values }, HEADER_SIZE_BYTES + 2 * 128);
  const index = (values: Partial<IndexMetadata>): Block =>
    blockOf(BlockType.index, IndexMetadata, { ...INDEX, ...values }, indexBlockSize(3, 16));
  const value = (values: Partial<ValueMetadata>): Block =>
    blockOf(BlockType.value, ValueMetadata, { ...VALUE, ...values }, HEADER_SIZE_BYTES + 2 * 128);
  const ones = (length: number): Uint8Array => new Uint8Array(length).fill(1);
  const invalid: readonly (readonly [string, () => Block])[] = [
    ["whole elements", () => trailer({}, 265)],
    ["padding", () => trailer({ previousTrailerBlockChecksumPadding: 1n })],
    ["reserved", () => trailer({ reserved: ones(56) })],
    ["no previous block", () => trailer({ previousTrailerBlockChecksum: 1n })],
    ["entry_count is 0", () => manifest({ entryCount: 0 })],
    ["entry_count is 31", () => manifest({ entryCount: 31 })],
    ["not that of 3 entries", () => manifest({ entryCount: 3 })],
    ["no previous block", () => manifest({ previousManifestBlockChecksum: 1n })],
    ["reserved", () => manifest({ reserved: ones(52) })],
    ["value_block_count is 0", () => index({ valueBlockCount: 0 })],
    ["value_block_count is 4", () => index({ valueBlockCount: 4 })],
    ["value_block_count_max is 97", () => index({ valueBlockCountMax: 97 })],
    ["keys of 8 bytes", () => index({ keySize: 8 })],
    ["key_size is 0", () => index({ keySize: 0 })],
    ["tree_id", () => index({ treeId: 0 })],
    ["reserved", () => index({ reserved: ones(82) })],
    ["value_count is 0", () => value({ valueCount: 0 })],
    ["value_count is 31", () => value({ valueCount: 31 })],
    ["value_size is 96", () => value({ valueSize: 96 })],
    ["values of 64 bytes", () => value({ valueSize: 64 })],
    ["tree_id", () => value({ treeId: 0 })],
  ];
  test.each(invalid)("are invalid: %s", (reason, make) => {
    expect(metadataInvalid(make().header, TEST_MIN)).toContain(reason);
  });

  test("name the snapshot of tables only", () => {
    const table = value({});
    table.header.snapshot = 0;
    expect(metadataInvalid(table.header, TEST_MIN)).toBe("snapshot is 0");
    const log = manifest({});
    log.header.snapshot = 1;
    expect(metadataInvalid(log.header, TEST_MIN)).toBe("snapshot is not 0");
  });

  test("of an index lead to its value blocks", () => {
    const block = index({});
    const view = block.header.dataView;
    view.setBigUint64(HEADER_SIZE_BYTES + 32, 0xabcn, true);
    view.setUint32(HEADER_SIZE_BYTES + 3 * (32 + 2 * 16) + 8, 99, true);
    expect(indexValueBlock(block.header, 1)).toEqual({ address: 99, checksum: 0xabcn });
    expect(() => indexValueBlock(block.header, 0)).toThrow("no address");
    expect(() => indexValueBlock(block.header, 2)).toThrow("value block 2 of 2");
  });

  test("of any bytes are judged without harm", () => {
    const bytes = fc.uint8Array({ minLength: 96, maxLength: 96 });
    fc.assert(
      fc.property(bytes, fc.nat(7), fc.nat(0xffff_ffff), fc.nat(3), (metadataBytes, blockType, size, snapshot) => {
        const { header } = value({});
        header.metadataBytes = metadataBytes;
        header.buffer[BLOCK_LAYOUT.blockType.offset] = blockType;
        header.size = size;
        header.snapshot = snapshot;
        const reason = metadataInvalid(header, TEST_MIN);
        expect(reason === null || reason.length > 0).toBe(true);
      }),
      { numRuns: propertyRuns(300) },
    );
  });
});

describe("what is wrong with a block", () => {
  const wanted = (block: Block): { address: number; checksum: bigint } => block.reference();
  const valid = (): Block => blockOf(BlockType.value, ValueMetadata, VALUE, HEADER_SIZE_BYTES + 2 * 128);

  test("is nothing, as it was written", () => {
    expect(blockFault(valid(), wanted(valid()), checksums)).toBe(null);
  });

  test("is the first of the checks that fails", () => {
    const block = valid();
    const reference = wanted(block);
    expect(blockFault(block, { ...reference, checksum: 1n }, checksums)).toBe("unexpected_checksum");
    block.buffer[4095] = 1;
    expect(blockFault(block, reference, checksums)).toBe("invalid_padding");
    block.buffer[HEADER_SIZE_BYTES] = 1;
    expect(blockFault(block, reference, checksums)).toBe("invalid_checksum_body");
    for (const size of [0, HEADER_SIZE_BYTES, BLOCK_SIZE + 1, 0xffff_ffff]) {
      block.header.size = size;
      checksums.set(block.header);
      expect(blockFault(block, reference, checksums)).toBe("invalid_size");
    }
    block.header.command = Command.prepare;
    checksums.set(block.header);
    expect(blockFault(block, reference, checksums)).toBe("unexpected_command");
    block.header.view = 1;
    expect(blockFault(block, reference, checksums)).toBe("invalid_checksum");
  });

  test("is a wrong reference, not a wrong disk, if only the address differs", () => {
    const block = valid();
    expect(() => blockFault(block, { ...wanted(block), address: 44 }, checksums)).toThrow(
      "has the checksum of block 44",
    );
  });

  test("is found wherever a bit is flipped", () => {
    const block = valid();
    const reference = wanted(block);
    const bytes = block.buffer.slice();
    fc.assert(
      fc.property(fc.nat(BLOCK_SIZE - 1), fc.nat(7), (at, bit) => {
        block.buffer.set(bytes);
        block.buffer[at] = (bytes[at] ?? 0) ^ (1 << bit);
        expect(blockFault(block, reference, checksums)).not.toBe(null);
      }),
      { numRuns: propertyRuns(200) },
    );
  });

  test("is told of any bytes", () => {
    const block = createPool().acquire();
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 600 }), (bytes) => {
        block.buffer.fill(0);
        block.buffer.set(bytes);
        expect(blockFault(block, { address: 1, checksum: 1n }, checksums)).toBe("invalid_checksum");
        // With a checksum that is right, the other checks have to hold.
        checksums.set(block.header);
        expect(blockFault(block, { address: 1, checksum: 1n }, checksums)).not.toBe(null);
      }),
      { numRuns: propertyRuns(200) },
    );
  });
});

describe("the pool", () => {
  test("lends out each block once, and takes it back with its last reference", () => {
    const pool = createPool(2);
    const [first, second] = [pool.acquire(), pool.acquire()];
    expect(first.pointer).not.toBe(second.pointer);
    expect(() => pool.acquire()).toThrow("all 2 blocks are in use");
    first.retain();
    first.release();
    expect(pool.available).toBe(0);
    first.release();
    expect(pool.available).toBe(1);
    expect(() => first.release()).toThrow("more often");
    expect(() => first.body()).toThrow("released block");
  });

  test("keeps a block with two owners from being changed", () => {
    const block = createPool().acquire().retain();
    const values = { cluster: 0n, release: 1, address: 1, snapshot: 0, blockType: BlockType.freeSet };
    expect(() => block.init(values)).toThrow("2 owners");
    expect(() => block.seal(300, checksums)).toThrow("2 owners");
  });
});
