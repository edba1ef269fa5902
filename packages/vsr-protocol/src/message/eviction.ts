/**
 * `eviction` (18): the primary ends a client's session (spec 01 §4.21).
 *
 * @module
 */
import { EvictionReason, evictionReasonKnown } from "../eviction.ts";
import { isZero, type RecordClass } from "../layout.ts";
import { CHECKSUM_EMPTY } from "./checksums.ts";
import { type FRAME_LAYOUT, HEADER_SIZE_BYTES, headerClass, type HeaderOf } from "./frame.ts";

/** Bytes 128 to 255 of a `eviction`. */
export const EVICTION_LAYOUT = {
  client: { type: "u128", offset: 128 },
  reserved: { type: "bytes", offset: 144, size: 111 },
  reason: { type: "u8", offset: 255 },
} as const;

/** A view of the header of an `eviction`, 256 bytes. */
export type EvictionHeader = HeaderOf<typeof EVICTION_LAYOUT>;
export const EvictionHeader: RecordClass<typeof FRAME_LAYOUT & typeof EVICTION_LAYOUT> = headerClass(EVICTION_LAYOUT);

/** Why a `eviction` whose frame is valid is invalid, or null if it is not. */
export function invalidEviction(header: EvictionHeader): string | null {
  if (header.size !== HEADER_SIZE_BYTES) return "size is not 256";
  if (header.checksumBody !== CHECKSUM_EMPTY) return "checksum_body is not that of an empty body";
  if (header.release === 0) return "release is 0";
  if (isZero(header, EVICTION_LAYOUT.client)) return "client is 0";
  if (!isZero(header, EVICTION_LAYOUT.reserved)) return "reserved is not zero";
  if (!evictionReasonKnown(header.reason)) return "reason is unknown";
  if (header.reason === EvictionReason.reserved) return "reason is reserved";
  return null;
}
