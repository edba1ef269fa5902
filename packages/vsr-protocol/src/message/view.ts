/**
 * `view` (24): the primary's log and checkpoint, to announce a view or to answer `get_view` (spec 01 §4.24).
 *
 * @module
 */
import { isZero, type RecordClass } from "../layout.ts";
import { type FRAME_LAYOUT, HEADER_SIZE_BYTES, headerClass, type HeaderOf } from "./frame.ts";

/** The size of the checkpoint state with which the body begins, in bytes. */
export const CHECKPOINT_STATE_SIZE_BYTES = 1024;

/** Bytes 128 to 255 of a `view`. */
export const VIEW_LAYOUT = {
  nonce: { type: "u128", offset: 128 },
  op: { type: "u53", offset: 144 },
  commitMax: { type: "u53", offset: 152 },
  checkpointOp: { type: "u53", offset: 160 },
  reserved: { type: "bytes", offset: 168, size: 88 },
} as const;

export type ViewHeader = HeaderOf<typeof VIEW_LAYOUT>;
export const ViewHeader: RecordClass<typeof FRAME_LAYOUT & typeof VIEW_LAYOUT> = headerClass(VIEW_LAYOUT);

/** Why a `view` whose frame is valid is invalid, or null if it is not. */
export function invalidView(header: ViewHeader): string | null {
  const sizeHeaders = header.size - HEADER_SIZE_BYTES - CHECKPOINT_STATE_SIZE_BYTES;
  if (sizeHeaders < 0) return "size has no room for the checkpoint state";
  if (sizeHeaders % HEADER_SIZE_BYTES !== 0) return "size is not a multiple of headers";
  if (header.release !== 0) return "release is not 0";
  if (header.op < header.commitMax) return "op is below commit_max";
  if (header.commitMax < header.checkpointOp) return "commit_max is below checkpoint_op";
  if (!isZero(header, VIEW_LAYOUT.reserved)) return "reserved is not zero";
  return null;
}
