/**
 * `pong` (2): the answer to a `ping`, from a replica or standby (spec 01 §4.6).
 *
 * @module
 */
import { isZero, type RecordClass } from "../layout.ts";
import { CHECKSUM_EMPTY } from "./checksums.ts";
import { type FRAME_LAYOUT, HEADER_SIZE_BYTES, headerClass, type HeaderOf } from "./frame.ts";

/** Bytes 128 to 255 of a `pong`. */
export const PONG_LAYOUT = {
  pingTimestampMonotonic: { type: "u64", offset: 128 },
  pongTimestampWall: { type: "u64", offset: 136 },
  reserved: { type: "bytes", offset: 144, size: 112 },
} as const;

/** A view of the header of a `pong`, 256 bytes. */
export type PongHeader = HeaderOf<typeof PONG_LAYOUT>;
export const PongHeader: RecordClass<typeof FRAME_LAYOUT & typeof PONG_LAYOUT> = headerClass(PONG_LAYOUT);

/** Why a `pong` whose frame is valid is invalid, or null if it is not. */
export function invalidPong(header: PongHeader): string | null {
  if (header.size !== HEADER_SIZE_BYTES) return "size is not 256";
  if (header.checksumBody !== CHECKSUM_EMPTY) return "checksum_body is not that of an empty body";
  if (header.release === 0) return "release is 0";
  if (isZero(header, PONG_LAYOUT.pingTimestampMonotonic)) return "ping_timestamp_monotonic is 0";
  if (isZero(header, PONG_LAYOUT.pongTimestampWall)) return "pong_timestamp_wall is 0";
  if (!isZero(header, PONG_LAYOUT.reserved)) return "reserved is not zero";
  return null;
}
