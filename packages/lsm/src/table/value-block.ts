/**
 * Value blocks: up to `valuesPerBlock` values with strictly ascending keys, without gaps (spec 05 §5.2).
 *
 * @module
 */
import { type Block, ValueMetadata } from "@stagbeetle/grid";
import { assert, type Pointer } from "@stagbeetle/kernels";
import { BlockType, HEADER_SIZE_BYTES } from "@stagbeetle/vsr-protocol";
import type { TreeSchema } from "../tree-schema.ts";

/** Where the first value of a block is. */
export function valuesBegin(block: Block): Pointer {
  return block.pointer + HEADER_SIZE_BYTES;
}

/** The size of a block with so many values, header included. */
export function valueBlockSizeBytes(schema: TreeSchema, valueCount: number): number {
  assert(
    valueCount > 0 && valueCount <= schema.valuesPerBlock,
    () => `${schema.name}: a block of ${valueCount} values`,
  );
  return HEADER_SIZE_BYTES + valueCount * schema.layout.sizeBytes;
}

/** Writes the metadata of a new value block. */
export function setValueMetadata(block: Block, schema: TreeSchema, valueCount: number): void {
  const metadata = block.metadata(ValueMetadata);
  metadata.valueCountMax = schema.valuesPerBlock;
  metadata.valueCount = valueCount;
  metadata.valueSize = schema.layout.sizeBytes;
  metadata.treeId = schema.treeId;
}

/** How many values a block from the grid has. Asserts that it is one of this tree: its checksum was checked. */
export function valueCountOf(block: Block, schema: TreeSchema): number {
  const { header } = block;
  const { valueCount, valueCountMax, valueSize, treeId } = block.metadata(ValueMetadata);
  assert(header.blockType === BlockType.value, () => `${schema.name}: block ${header.address} is no value block`);
  assert(treeId === schema.treeId, () => `${schema.name}: block ${header.address} is of tree ${treeId}`);
  assert(
    valueCountMax === schema.valuesPerBlock && valueSize === schema.layout.sizeBytes,
    () => `${schema.name}: block ${header.address} is of another layout`,
  );
  assert(
    header.size === valueBlockSizeBytes(schema, valueCount),
    () => `${schema.name}: block ${header.address} has ${header.size} bytes for ${valueCount} values`,
  );
  return valueCount;
}
