/**
 * `get_blocks` (19): asks a replica for blocks of the grid: requests of 32 bytes in the body (spec 01 §4.22).
 *
 * @module
 */
import { BLOCK_REQUEST_SIZE_BYTES } from "../body/block-request.ts";
import { isZero, type RecordClass } from "../layout.ts";
import { type FRAME_LAYOUT, HEADER_SIZE_BYTES, headerClass, type HeaderOf } from "./frame.ts";

/** Bytes 128 to 255 of a `get_blocks`. */
export const GET_BLOCKS_LAYOUT = {
  reserved: { type: "bytes", offset: 128, size: 128 },
} as const;

/** A view of the header of a `get_blocks`, 256 bytes. */
export type GetBlocksHeader = HeaderOf<typeof GET_BLOCKS_LAYOUT>;
export const GetBlocksHeader: RecordClass<typeof FRAME_LAYOUT & typeof GET_BLOCKS_LAYOUT> =
  headerClass(GET_BLOCKS_LAYOUT);

/** Why a `get_blocks` whose frame is valid is invalid, or null if it is not. */
export function invalidGetBlocks(header: GetBlocksHeader): string | null {
  if (header.view !== 0) return "view is not 0";
  if (header.size === HEADER_SIZE_BYTES) return "size is 256";
  if ((header.size - HEADER_SIZE_BYTES) % BLOCK_REQUEST_SIZE_BYTES !== 0)
    return "size is not a multiple of block requests";
  if (header.release !== 0) return "release is not 0";
  if (!isZero(header, GET_BLOCKS_LAYOUT.reserved)) return "reserved is not zero";
  return null;
}
