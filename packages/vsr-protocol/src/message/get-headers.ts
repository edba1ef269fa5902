/**
 * `get_headers` (14): asks a replica for the headers of a range of ops, both ends included (spec 01 §4.17).
 *
 * @module
 */
import { isZero, type RecordClass } from "../layout.ts";
import { CHECKSUM_EMPTY } from "./checksums.ts";
import { type FRAME_LAYOUT, HEADER_SIZE_BYTES, headerClass, type HeaderOf } from "./frame.ts";

/** Bytes 128 to 255 of a `get_headers`. */
export const GET_HEADERS_LAYOUT = {
  opMin: { type: "u53", offset: 128 },
  opMax: { type: "u53", offset: 136 },
  reserved: { type: "bytes", offset: 144, size: 112 },
} as const;

/** A view of the header of a `get_headers`, 256 bytes. */
export type GetHeadersHeader = HeaderOf<typeof GET_HEADERS_LAYOUT>;
export const GetHeadersHeader: RecordClass<typeof FRAME_LAYOUT & typeof GET_HEADERS_LAYOUT> =
  headerClass(GET_HEADERS_LAYOUT);

/** Why a `get_headers` whose frame is valid is invalid, or null if it is not. */
export function invalidGetHeaders(header: GetHeadersHeader): string | null {
  if (header.size !== HEADER_SIZE_BYTES) return "size is not 256";
  if (header.checksumBody !== CHECKSUM_EMPTY) return "checksum_body is not that of an empty body";
  if (header.view !== 0) return "view is not 0";
  if (header.release !== 0) return "release is not 0";
  if (header.opMin > header.opMax) return "op_min is above op_max";
  if (!isZero(header, GET_HEADERS_LAYOUT.reserved)) return "reserved is not zero";
  return null;
}
