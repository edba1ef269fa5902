/**
 * `get_reply` (16): asks a replica for the stored reply of a client (spec 01 §4.19).
 *
 * @module
 */
import { isZero, type RecordClass } from "../layout.ts";
import { CHECKSUM_EMPTY } from "./checksums.ts";
import { type FRAME_LAYOUT, HEADER_SIZE_BYTES, headerClass, type HeaderOf } from "./frame.ts";

/** Bytes 128 to 255 of a `get_reply`. */
export const GET_REPLY_LAYOUT = {
  replyChecksum: { type: "u128", offset: 128 },
  replyChecksumPadding: { type: "u128", offset: 144 },
  replyClient: { type: "u128", offset: 160 },
  replyOp: { type: "u53", offset: 176 },
  reserved: { type: "bytes", offset: 184, size: 72 },
} as const;

/** A view of the header of a `get_reply`, 256 bytes. */
export type GetReplyHeader = HeaderOf<typeof GET_REPLY_LAYOUT>;
export const GetReplyHeader: RecordClass<typeof FRAME_LAYOUT & typeof GET_REPLY_LAYOUT> = headerClass(GET_REPLY_LAYOUT);

/** Why a `get_reply` whose frame is valid is invalid, or null if it is not. */
export function invalidGetReply(header: GetReplyHeader): string | null {
  if (header.size !== HEADER_SIZE_BYTES) return "size is not 256";
  if (header.checksumBody !== CHECKSUM_EMPTY) return "checksum_body is not that of an empty body";
  if (header.release !== 0) return "release is not 0";
  if (!isZero(header, GET_REPLY_LAYOUT.replyChecksumPadding)) return "reply_checksum_padding is not zero";
  if (header.view !== 0) return "view is not 0";
  if (isZero(header, GET_REPLY_LAYOUT.replyClient)) return "reply_client is 0";
  if (!isZero(header, GET_REPLY_LAYOUT.reserved)) return "reserved is not zero";
  return null;
}
