/**
 * `pong_client` (4): the answer to a `ping_client`, from a replica (spec 01 §4.8).
 *
 * @module
 */
import { isZero, type RecordClass } from "../layout.ts";
import { CHECKSUM_EMPTY } from "./checksums.ts";
import { type FRAME_LAYOUT, HEADER_SIZE_BYTES, headerClass, type HeaderOf } from "./frame.ts";

/** Bytes 128 to 255 of a `pong_client`. */
export const PONG_CLIENT_LAYOUT = {
  pingTimestampMonotonic: { type: "u64", offset: 128 },
  reserved: { type: "bytes", offset: 136, size: 120 },
} as const;

/** A view of the header of a `pong_client`, 256 bytes. */
export type PongClientHeader = HeaderOf<typeof PONG_CLIENT_LAYOUT>;
export const PongClientHeader: RecordClass<typeof FRAME_LAYOUT & typeof PONG_CLIENT_LAYOUT> =
  headerClass(PONG_CLIENT_LAYOUT);

/** Why a `pong_client` whose frame is valid is invalid, or null if it is not. */
export function invalidPongClient(header: PongClientHeader): string | null {
  if (header.size !== HEADER_SIZE_BYTES) return "size is not 256";
  if (header.checksumBody !== CHECKSUM_EMPTY) return "checksum_body is not that of an empty body";
  if (header.release === 0) return "release is 0";
  if (!isZero(header, PONG_CLIENT_LAYOUT.reserved)) return "reserved is not zero";
  return null;
}
