/**
 * `headers` (17): the answer to `get_headers`: prepare headers in the body, highest op first, with gaps (spec 01 §4.20).
 *
 * @module
 */
import { isZero, type RecordClass } from "../layout.ts";
import { type FRAME_LAYOUT, HEADER_SIZE_BYTES, headerClass, type HeaderOf } from "./frame.ts";

/** Bytes 128 to 255 of a `headers`. */
export const HEADERS_LAYOUT = {
  reserved: { type: "bytes", offset: 128, size: 128 },
} as const;

/** A view of the header of a `headers`, 256 bytes. */
export type HeadersHeader = HeaderOf<typeof HEADERS_LAYOUT>;
export const HeadersHeader: RecordClass<typeof FRAME_LAYOUT & typeof HEADERS_LAYOUT> = headerClass(HEADERS_LAYOUT);

/** Why a `headers` whose frame is valid is invalid, or null if it is not. */
export function invalidHeaders(header: HeadersHeader): string | null {
  if (header.size === HEADER_SIZE_BYTES) return "size is 256";
  if ((header.size - HEADER_SIZE_BYTES) % HEADER_SIZE_BYTES !== 0) return "size is not a multiple of headers";
  if (header.release !== 0) return "release is not 0";
  if (!isZero(header, HEADERS_LAYOUT.reserved)) return "reserved is not zero";
  return null;
}
