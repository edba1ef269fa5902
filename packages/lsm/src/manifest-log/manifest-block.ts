/**
 * A block of the manifest log: a header, and entries that are table infos (spec 05 §5.4).
 *
 * @module
 */
import { type Block, ManifestMetadata, metadataInvalid } from "@stagbeetle/grid";
import { assert, type Pointer } from "@stagbeetle/kernels";
import { BlockType, type Config, HEADER_SIZE_BYTES } from "@stagbeetle/vsr-protocol";
import { TABLE_INFO_SIZE_BYTES, type TableInfoView } from "../manifest/table-info.ts";

/** The size of a manifest block with `entryCount` entries in bytes, header included. */
export function manifestBlockSize(entryCount: number): number {
  return HEADER_SIZE_BYTES + entryCount * TABLE_INFO_SIZE_BYTES;
}

/** How many entries a manifest block has. */
export function entryCountOf(block: Block): number {
  return block.metadata(ManifestMetadata).entryCount;
}

/** Where an entry of a block, or of one that is being filled, is. */
export function entryPointer(block: Block, entry: number): Pointer {
  assert(entry >= 0 && manifestBlockSize(entry + 1) <= block.buffer.length, () => `entry ${entry} of a manifest block`);
  return block.pointer + manifestBlockSize(entry);
}

/**
 * Why a block with valid checksums is no manifest block, or null. Safe on any bytes. The metadata and every entry are checked;
 * whether trees exist is not.
 */
export function manifestBlockInvalid(block: Block, infos: TableInfoView, config: Config): string | null {
  if (block.header.blockType !== BlockType.manifest) return `block_type is ${block.header.blockType}`;
  const metadataFault = metadataInvalid(block.header, config);
  if (metadataFault !== null) return metadataFault;
  const entryCount = entryCountOf(block);
  for (let entry = 0; entry < entryCount; entry += 1) {
    const fault = infos.invalid(entryPointer(block, entry), config.cluster.lsmLevels);
    if (fault !== null) return `entry ${entry} of ${entryCount}: ${fault}`;
  }
  return null;
}
