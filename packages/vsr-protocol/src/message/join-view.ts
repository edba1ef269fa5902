/**
 * `join_view` (11): a replica joins a view and says what its log holds: headers in the body, highest op first (spec 01 §4.15).
 *
 * @module
 */
import { isZero, type RecordClass } from "../layout.ts";
import { type FRAME_LAYOUT, HEADER_SIZE_BYTES, headerClass, type HeaderOf } from "./frame.ts";

/** Bytes 128 to 255 of a `join_view`. */
export const JOIN_VIEW_LAYOUT = {
  presentBitset: { type: "u128", offset: 128 },
  nackBitset: { type: "u128", offset: 144 },
  op: { type: "u53", offset: 160 },
  commitMin: { type: "u53", offset: 168 },
  checkpointOp: { type: "u53", offset: 176 },
  logView: { type: "u32", offset: 184 },
  reserved: { type: "bytes", offset: 188, size: 68 },
} as const;

export type JoinViewHeader = HeaderOf<typeof JOIN_VIEW_LAYOUT>;
export const JoinViewHeader: RecordClass<typeof FRAME_LAYOUT & typeof JOIN_VIEW_LAYOUT> = headerClass(JOIN_VIEW_LAYOUT);

/** Why a `join_view` whose frame is valid is invalid, or null if it is not. */
export function invalidJoinView(header: JoinViewHeader): string | null {
  if ((header.size - HEADER_SIZE_BYTES) % HEADER_SIZE_BYTES !== 0) return "size is not a multiple of headers";
  if (header.release !== 0) return "release is not 0";
  if (header.op < header.commitMin) return "op is below commit_min";
  if (header.commitMin < header.checkpointOp) return "commit_min is below checkpoint_op";
  if (!isZero(header, JOIN_VIEW_LAYOUT.reserved)) return "reserved is not zero";
  return null;
}
