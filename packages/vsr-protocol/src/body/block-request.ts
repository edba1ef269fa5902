/**
 * The body of `get_blocks`: which blocks are wanted (spec 01 §5.3).
 *
 * @module
 */
import { isZero, recordClass, type RecordClass, type RecordOf } from "../layout.ts";

/** The size of one request for a block in bytes. */
export const BLOCK_REQUEST_SIZE_BYTES = 32;

const BLOCK_REQUEST_LAYOUT = {
  blockChecksum: { type: "u128", offset: 0 },
  blockAddress: { type: "u53", offset: 16 },
  reserved: { type: "bytes", offset: 24, size: 8 },
} as const;

/** One wanted block of the grid. */
export type BlockRequest = RecordOf<typeof BLOCK_REQUEST_LAYOUT>;
export const BlockRequest: RecordClass<typeof BLOCK_REQUEST_LAYOUT> = recordClass(
  BLOCK_REQUEST_SIZE_BYTES,
  BLOCK_REQUEST_LAYOUT,
);

/** Whether the reserved bytes of a request for a block are zero. */
export function blockRequestReservedZero(request: BlockRequest): boolean {
  return isZero(request, BLOCK_REQUEST_LAYOUT.reserved);
}
