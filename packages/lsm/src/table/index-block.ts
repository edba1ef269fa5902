/**
 * Index blocks: the value blocks of a table, in four arrays of checksums, first keys, last keys and addresses
 * (spec 05 §5.3).
 *
 * @module
 */
import { type Block, IndexMetadata } from "@stagbeetle/grid";
import { assert, checksumSizeBytes, type LinearMemory } from "@stagbeetle/kernels";
import { type BlockReference, BlockType, readU128, readU53, writeU53 } from "@stagbeetle/vsr-protocol";
import type { KeyPointer } from "../key.ts";
import type { TreeSchema } from "../tree-schema.ts";

/** Zeroes the arrays of a new index block. */
export function clearIndex(block: Block, schema: TreeSchema): void {
  block.buffer.fill(0, 0, schema.indexBlockSizeBytes);
}

/** One value block, as its index block describes it, but for its checksum. */
export interface IndexEntry {
  readonly keyMin: KeyPointer;
  readonly keyMax: KeyPointer;
  readonly address: number;
}

/** Adds a value block behind those that the index has. Its checksum is to follow. */
export function setIndexEntry(
  memory: LinearMemory,
  index: Block,
  schema: TreeSchema,
  at: number,
  entry: IndexEntry,
): void {
  assert(at < schema.valueBlocksMax, () => `${schema.name}: value block ${at} of ${schema.valueBlocksMax}`);
  const { bytes, view } = memory;
  const { keySizeBytes } = schema;
  const begin = index.pointer;
  bytes.copyWithin(begin + schema.keyMinOffset + at * keySizeBytes, entry.keyMin, entry.keyMin + keySizeBytes);
  bytes.copyWithin(begin + schema.keyMaxOffset + at * keySizeBytes, entry.keyMax, entry.keyMax + keySizeBytes);
  writeU53(view, begin + schema.addressOffset(at), entry.address);
}

/** Adds the checksum of a value block, which is sealed: the first thing in its header. */
export function setIndexChecksum(
  { bytes }: LinearMemory,
  index: Block,
  schema: TreeSchema,
  at: number,
  valueBlock: Block,
): void {
  const { pointer } = valueBlock;
  bytes.copyWithin(index.pointer + schema.checksumOffset(at), pointer, pointer + checksumSizeBytes);
}

/** Writes the metadata of a new index block. */
export function setIndexMetadata(block: Block, schema: TreeSchema, valueBlockCount: number): void {
  const metadata = block.metadata(IndexMetadata);
  metadata.valueBlockCount = valueBlockCount;
  metadata.valueBlockCountMax = schema.valueBlocksMax;
  metadata.keySize = schema.keySizeBytes;
  metadata.treeId = schema.treeId;
}

/** How many value blocks a table has. Asserts that the block is an index of this tree: its checksum was checked. */
export function valueBlockCountOf(block: Block, schema: TreeSchema): number {
  const { header } = block;
  const { valueBlockCount, valueBlockCountMax, keySize, treeId } = block.metadata(IndexMetadata);
  assert(header.blockType === BlockType.index, () => `${schema.name}: block ${header.address} is no index block`);
  assert(treeId === schema.treeId, () => `${schema.name}: block ${header.address} is of tree ${treeId}`);
  assert(
    valueBlockCountMax === schema.valueBlocksMax && keySize === schema.keySizeBytes,
    () => `${schema.name}: block ${header.address} is of another layout`,
  );
  assert(
    valueBlockCount > 0 && valueBlockCount <= valueBlockCountMax && header.size === schema.indexBlockSizeBytes,
    () => `${schema.name}: block ${header.address} has ${valueBlockCount} value blocks, ${header.size} bytes`,
  );
  return valueBlockCount;
}

/** The address of a value block of a table. */
export function valueBlockAddress(memory: LinearMemory, index: Block, schema: TreeSchema, at: number): number {
  return readU53(memory.view, index.pointer + schema.addressOffset(at));
}

/** Where a value block of a table is. */
export function valueBlockReference(
  memory: LinearMemory,
  index: Block,
  schema: TreeSchema,
  at: number,
): BlockReference {
  return {
    address: valueBlockAddress(memory, index, schema, at),
    checksum: readU128(memory.view, index.pointer + schema.checksumOffset(at)),
  };
}
