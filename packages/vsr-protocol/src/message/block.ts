/**
 * `block` (20): a block of the grid, on disk and between replicas (spec 01 §4.23).
 *
 * @module
 */
import type { Config } from "../config/config.ts";
import { isZero, type RecordClass } from "../layout.ts";
import { type FRAME_LAYOUT, HEADER_SIZE_BYTES, headerClass, type HeaderOf } from "./frame.ts";

/** What a block holds: the u8 at offset 240 of its header (spec 01 §3.5). */
export const BlockType = {
  reserved: 0,
  freeSet: 1,
  clientSessions: 2,
  manifest: 3,
  index: 4,
  value: 5,
} as const;
export type BlockType = (typeof BlockType)[keyof typeof BlockType];

const BLOCK_TYPE_NAMES: readonly string[] = ["reserved", "free_set", "client_sessions", "manifest", "index", "value"];

/** The name of a block type as logs have it, for example `free_set`; the number of an unknown one. */
export function blockTypeName(blockType: number): string {
  return BLOCK_TYPE_NAMES[blockType] ?? String(blockType);
}

/** Bytes 128 to 255 of a `block`. What `metadataBytes` means depends on the block type (spec 05). */
export const BLOCK_LAYOUT = {
  metadataBytes: { type: "bytes", offset: 128, size: 96 },
  address: { type: "u53", offset: 224 },
  snapshot: { type: "u53", offset: 232 },
  blockType: { type: "u8", offset: 240 },
  reservedBlock: { type: "bytes", offset: 241, size: 15 },
} as const;

/** A view of the header of a `block`, 256 bytes. */
export type BlockHeader = HeaderOf<typeof BLOCK_LAYOUT>;
export const BlockHeader: RecordClass<typeof FRAME_LAYOUT & typeof BLOCK_LAYOUT> = headerClass(BLOCK_LAYOUT);

/** Why a `block` whose frame is valid is invalid, or null if it is not. */
export function invalidBlock(header: BlockHeader, config: Config): string | null {
  if (header.size > config.cluster.blockSize) return "size is above block_size";
  if (header.size === HEADER_SIZE_BYTES) return "size is 256";
  if (header.view !== 0) return "view is not 0";
  if (header.release === 0) return "release is 0";
  if (header.replica !== 0) return "replica is not 0";
  if (isZero(header, BLOCK_LAYOUT.address)) return "address is 0";
  if (header.blockType >= BLOCK_TYPE_NAMES.length) return "block_type is unknown";
  if (header.blockType === BlockType.reserved) return "block_type is reserved";
  return null;
}
