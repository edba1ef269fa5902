/**
 * `ping_client` (3): a client's ping to every replica (spec 01 §4.7).
 *
 * @module
 */
import { isZero, type RecordClass } from "../layout.ts";
import { CHECKSUM_EMPTY } from "./checksums.ts";
import { type FRAME_LAYOUT, HEADER_SIZE_BYTES, headerClass, type HeaderOf } from "./frame.ts";

/** Bytes 128 to 255 of a `ping_client`. */
export const PING_CLIENT_LAYOUT = {
  client: { type: "u128", offset: 128 },
  pingTimestampMonotonic: { type: "u64", offset: 144 },
  session: { type: "u53", offset: 152 },
  reserved: { type: "bytes", offset: 160, size: 96 },
} as const;

/** A view of the header of a `ping_client`, 256 bytes. */
export type PingClientHeader = HeaderOf<typeof PING_CLIENT_LAYOUT>;
export const PingClientHeader: RecordClass<typeof FRAME_LAYOUT & typeof PING_CLIENT_LAYOUT> =
  headerClass(PING_CLIENT_LAYOUT);

/** Why a `ping_client` whose frame is valid is invalid, or null if it is not. */
export function invalidPingClient(header: PingClientHeader): string | null {
  if (header.size !== HEADER_SIZE_BYTES) return "size is not 256";
  if (header.checksumBody !== CHECKSUM_EMPTY) return "checksum_body is not that of an empty body";
  if (header.release === 0) return "release is 0";
  if (header.replica !== 0) return "replica is not 0";
  if (header.view !== 0) return "view is not 0";
  if (isZero(header, PING_CLIENT_LAYOUT.client)) return "client is 0";
  if (!isZero(header, PING_CLIENT_LAYOUT.reserved)) return "reserved is not zero";
  return null;
}
