/**
 * `get_view` (13): asks the primary of a view for its `view` message (spec 01 §4.16).
 *
 * @module
 */
import { isZero, type RecordClass } from "../layout.ts";
import { CHECKSUM_EMPTY } from "./checksums.ts";
import { type FRAME_LAYOUT, HEADER_SIZE_BYTES, headerClass, type HeaderOf } from "./frame.ts";

/** Bytes 128 to 255 of a `get_view`. */
export const GET_VIEW_LAYOUT = {
  nonce: { type: "u128", offset: 128 },
  reserved: { type: "bytes", offset: 144, size: 112 },
} as const;

/** A view of the header of a `get_view`, 256 bytes. */
export type GetViewHeader = HeaderOf<typeof GET_VIEW_LAYOUT>;
export const GetViewHeader: RecordClass<typeof FRAME_LAYOUT & typeof GET_VIEW_LAYOUT> = headerClass(GET_VIEW_LAYOUT);

/** Why a `get_view` whose frame is valid is invalid, or null if it is not. */
export function invalidGetView(header: GetViewHeader): string | null {
  if (header.size !== HEADER_SIZE_BYTES) return "size is not 256";
  if (header.checksumBody !== CHECKSUM_EMPTY) return "checksum_body is not that of an empty body";
  if (header.release !== 0) return "release is not 0";
  if (isZero(header, GET_VIEW_LAYOUT.nonce)) return "nonce is 0";
  if (!isZero(header, GET_VIEW_LAYOUT.reserved)) return "reserved is not zero";
  return null;
}
