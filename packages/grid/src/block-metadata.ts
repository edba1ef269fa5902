/**
 * What the headers of the kinds of blocks say beside their frame: 96 bytes of metadata each (spec 04 §18).
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import {
  BLOCK_LAYOUT,
  type BlockHeader,
  type BlockReference,
  BlockType,
  type Config,
  HEADER_SIZE_BYTES,
  isSafeU64,
  isZero,
  readU128,
  readU53,
  recordClass,
  type RecordClass,
  type RecordOf,
} from "@stagbeetle/vsr-protocol";

/** The size of the metadata of a block in bytes. */
export const METADATA_SIZE_BYTES = 96;

/** Where the metadata is in a block, in bytes. */
export const METADATA_OFFSET: number = BLOCK_LAYOUT.metadataBytes.offset;

/** The size of one entry of a manifest block in bytes. */
export const TABLE_INFO_SIZE_BYTES = 128;

/** The size of one client session of a trailer in bytes: a header and a session number. */
const CLIENT_SESSION_SIZE_BYTES: number = HEADER_SIZE_BYTES + 8;

/** The size of one u64 of the encoded free set in bytes. */
const FREE_SET_WORD_SIZE_BYTES = 8;

/** A checksum of a value block in an index block: u128, then 16 zero bytes. */
const INDEX_CHECKSUM_SIZE_BYTES = 32;
const INDEX_ADDRESS_SIZE_BYTES = 8;

/** The smallest entry that a table of an index block can have, in bytes: what bounds the number of value blocks. */
const INDEX_ENTRY_SIZE_MIN_BYTES: number = INDEX_CHECKSUM_SIZE_BYTES + INDEX_ADDRESS_SIZE_BYTES;

const TRAILER_METADATA_LAYOUT = {
  previousTrailerBlockChecksum: { type: "u128", offset: 0 },
  previousTrailerBlockChecksumPadding: { type: "u128", offset: 16 },
  previousTrailerBlockAddress: { type: "u53", offset: 32 },
  reserved: { type: "bytes", offset: 40, size: 56 },
} as const;

/** Of a free set or client sessions block: the block before it in its chain, all zero in the first. */
export type TrailerMetadata = RecordOf<typeof TRAILER_METADATA_LAYOUT>;
export const TrailerMetadata: RecordClass<typeof TRAILER_METADATA_LAYOUT> = recordClass(
  METADATA_SIZE_BYTES,
  TRAILER_METADATA_LAYOUT,
);

const MANIFEST_METADATA_LAYOUT = {
  previousManifestBlockChecksum: { type: "u128", offset: 0 },
  previousManifestBlockChecksumPadding: { type: "u128", offset: 16 },
  previousManifestBlockAddress: { type: "u53", offset: 32 },
  entryCount: { type: "u32", offset: 40 },
  reserved: { type: "bytes", offset: 44, size: 52 },
} as const;

/** Of a manifest block. The block before it may have left the log. */
export type ManifestMetadata = RecordOf<typeof MANIFEST_METADATA_LAYOUT>;
export const ManifestMetadata: RecordClass<typeof MANIFEST_METADATA_LAYOUT> = recordClass(
  METADATA_SIZE_BYTES,
  MANIFEST_METADATA_LAYOUT,
);

const INDEX_METADATA_LAYOUT = {
  valueBlockCount: { type: "u32", offset: 0 },
  valueBlockCountMax: { type: "u32", offset: 4 },
  keySize: { type: "u32", offset: 8 },
  treeId: { type: "u16", offset: 12 },
  reserved: { type: "bytes", offset: 14, size: 82 },
} as const;

/** Of an index block. */
export type IndexMetadata = RecordOf<typeof INDEX_METADATA_LAYOUT>;
export const IndexMetadata: RecordClass<typeof INDEX_METADATA_LAYOUT> = recordClass(
  METADATA_SIZE_BYTES,
  INDEX_METADATA_LAYOUT,
);

const VALUE_METADATA_LAYOUT = {
  valueCountMax: { type: "u32", offset: 0 },
  valueCount: { type: "u32", offset: 4 },
  valueSize: { type: "u32", offset: 8 },
  treeId: { type: "u16", offset: 12 },
  reserved: { type: "bytes", offset: 14, size: 82 },
} as const;

/** Of a value block. */
export type ValueMetadata = RecordOf<typeof VALUE_METADATA_LAYOUT>;
export const ValueMetadata: RecordClass<typeof VALUE_METADATA_LAYOUT> = recordClass(
  METADATA_SIZE_BYTES,
  VALUE_METADATA_LAYOUT,
);

/** How many entries a manifest block can have. */
export function manifestEntryCountMax(config: Config): number {
  return Math.floor(config.derived.blockBodySizeMax / TABLE_INFO_SIZE_BYTES);
}

/** How many value blocks a table of any tree can have. */
export function tableValueBlocksMax(config: Config): number {
  return Math.floor(config.derived.blockBodySizeMax / INDEX_ENTRY_SIZE_MIN_BYTES);
}

/** The size of an index block in bytes, header included: that of its arrays, full or not. */
export function indexBlockSize(valueBlockCountMax: number, keySize: number): number {
  return HEADER_SIZE_BYTES + valueBlockCountMax * (INDEX_ENTRY_SIZE_MIN_BYTES + 2 * keySize);
}

/**
 * Where value block `index` of a table is, read from a valid index block.
 *
 * @param header the header of the index block, at the beginning of the block.
 */
export function indexValueBlock(header: BlockHeader, index: number): BlockReference {
  const { dataView, offset } = header;
  const { valueBlockCount, valueBlockCountMax, keySize } = new IndexMetadata(header.buffer, offset + METADATA_OFFSET);
  assert(header.blockType === BlockType.index, () => `block type ${header.blockType} is not an index`);
  assert(index >= 0 && index < valueBlockCount, () => `value block ${index} of ${valueBlockCount}`);
  const checksums = offset + HEADER_SIZE_BYTES;
  const addresses = checksums + valueBlockCountMax * (INDEX_CHECKSUM_SIZE_BYTES + 2 * keySize);
  const address = readU53(dataView, addresses + index * INDEX_ADDRESS_SIZE_BYTES);
  const checksum = readU128(dataView, checksums + index * INDEX_CHECKSUM_SIZE_BYTES);
  assert(address > 0, () => `value block ${index} of ${valueBlockCount} has no address`);
  return { address, checksum };
}

/**
 * Why the metadata of a block whose header is valid contradicts itself or the header, or null. Safe on any bytes.
 */
export function metadataInvalid(header: BlockHeader, config: Config): string | null {
  switch (header.blockType) {
    case BlockType.freeSet:
      return trailerInvalid(header, FREE_SET_WORD_SIZE_BYTES);
    case BlockType.clientSessions:
      return trailerInvalid(header, CLIENT_SESSION_SIZE_BYTES);
    case BlockType.manifest:
      return manifestInvalid(header, config);
    case BlockType.index:
      return indexInvalid(header, config);
    case BlockType.value:
      return valueInvalid(header);
    default:
      return `block_type is ${header.blockType}`;
  }
}

function trailerInvalid(header: BlockHeader, elementSizeBytes: number): string | null {
  const metadata = new TrailerMetadata(header.buffer, header.offset + METADATA_OFFSET);
  if (header.snapshot !== 0) return "snapshot is not 0";
  if ((header.size - HEADER_SIZE_BYTES) % elementSizeBytes !== 0) {
    return `the body is not whole elements of ${elementSizeBytes} bytes`;
  }
  if (!isZero(metadata, TRAILER_METADATA_LAYOUT.previousTrailerBlockChecksumPadding)) return "padding is not zero";
  if (!isZero(metadata, TRAILER_METADATA_LAYOUT.reserved)) return "reserved is not zero";
  if (!isSafeU64(metadata.dataView, metadata.offset + TRAILER_METADATA_LAYOUT.previousTrailerBlockAddress.offset)) {
    return "previous_trailer_block_address is out of range";
  }
  if (metadata.previousTrailerBlockAddress === 0 && metadata.previousTrailerBlockChecksum !== 0n) {
    return "there is no previous block, but it has a checksum";
  }
  return null;
}

function manifestInvalid(header: BlockHeader, config: Config): string | null {
  const metadata = new ManifestMetadata(header.buffer, header.offset + METADATA_OFFSET);
  const { entryCount } = metadata;
  if (header.snapshot !== 0) return "snapshot is not 0";
  if (entryCount === 0 || entryCount > manifestEntryCountMax(config)) return `entry_count is ${entryCount}`;
  if (header.size !== HEADER_SIZE_BYTES + entryCount * TABLE_INFO_SIZE_BYTES) {
    return `size ${header.size} is not that of ${entryCount} entries`;
  }
  if (!isZero(metadata, MANIFEST_METADATA_LAYOUT.previousManifestBlockChecksumPadding)) return "padding is not zero";
  if (!isZero(metadata, MANIFEST_METADATA_LAYOUT.reserved)) return "reserved is not zero";
  if (!isSafeU64(metadata.dataView, metadata.offset + MANIFEST_METADATA_LAYOUT.previousManifestBlockAddress.offset)) {
    return "previous_manifest_block_address is out of range";
  }
  if (metadata.previousManifestBlockAddress === 0 && metadata.previousManifestBlockChecksum !== 0n) {
    return "there is no previous block, but it has a checksum";
  }
  return null;
}

function indexInvalid(header: BlockHeader, config: Config): string | null {
  const metadata = new IndexMetadata(header.buffer, header.offset + METADATA_OFFSET);
  const { valueBlockCount, valueBlockCountMax, keySize } = metadata;
  if (isZero(header, BLOCK_LAYOUT.snapshot)) return "snapshot is 0";
  if (valueBlockCount === 0 || valueBlockCount > valueBlockCountMax) {
    return `value_block_count is ${valueBlockCount} of ${valueBlockCountMax}`;
  }
  if (valueBlockCountMax > tableValueBlocksMax(config)) return `value_block_count_max is ${valueBlockCountMax}`;
  if (keySize === 0) return "key_size is 0";
  if (header.size !== indexBlockSize(valueBlockCountMax, keySize)) {
    return `size ${header.size} is not that of ${valueBlockCountMax} value blocks with keys of ${keySize} bytes`;
  }
  if (metadata.treeId === 0) return "tree_id is 0";
  if (!isZero(metadata, INDEX_METADATA_LAYOUT.reserved)) return "reserved is not zero";
  return null;
}

function valueInvalid(header: BlockHeader): string | null {
  const metadata = new ValueMetadata(header.buffer, header.offset + METADATA_OFFSET);
  const { valueCount, valueCountMax, valueSize } = metadata;
  if (isZero(header, BLOCK_LAYOUT.snapshot)) return "snapshot is 0";
  if (valueCount === 0 || valueCount > valueCountMax) return `value_count is ${valueCount} of ${valueCountMax}`;
  if (valueSize === 0 || (valueSize & (valueSize - 1)) !== 0) return `value_size is ${valueSize}`;
  if (header.size !== HEADER_SIZE_BYTES + valueCount * valueSize) {
    return `size ${header.size} is not that of ${valueCount} values of ${valueSize} bytes`;
  }
  if (metadata.treeId === 0) return "tree_id is 0";
  if (!isZero(metadata, VALUE_METADATA_LAYOUT.reserved)) return "reserved is not zero";
  return null;
}
