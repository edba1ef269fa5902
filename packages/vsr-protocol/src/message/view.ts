/**
 * `view` (24): the primary's log and checkpoint, to announce a view or to answer `get_view` (spec 01 §4.24).
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import { isZero, recordBytes, type RecordClass } from "../layout.ts";
import type { ViewChangeSlice } from "../view-headers.ts";
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

/** A view of the header of a `view`, 256 bytes. */
export type ViewHeader = HeaderOf<typeof VIEW_LAYOUT>;
export const ViewHeader: RecordClass<typeof FRAME_LAYOUT & typeof VIEW_LAYOUT> = headerClass(VIEW_LAYOUT);

/** What a `view` says beside its frame. */
export interface ViewValues {
  /** That of the `get_view` that is answered; 0 for an announcement. */
  readonly nonce: bigint;
  /** The primary's head. */
  readonly op: number;
  readonly commitMax: number;
  /** The op of the primary's checkpoint. */
  readonly checkpointOp: number;
  /** The 1024 bytes of that checkpoint. */
  readonly checkpoint: Uint8Array;
  /** Highest op first. */
  readonly headers: ViewChangeSlice;
}

/** The size of the body of a `view`, in bytes. */
export function viewBodySizeBytes(headerCount: number): number {
  return CHECKPOINT_STATE_SIZE_BYTES + headerCount * HEADER_SIZE_BYTES;
}

/** Fills in a `view` and its body. The frame and the checksums are the caller's. */
export function writeView(header: ViewHeader, body: Uint8Array, values: ViewValues): void {
  const { checkpoint, headers } = values;
  assert(checkpoint.length === CHECKPOINT_STATE_SIZE_BYTES, () => `a checkpoint of ${checkpoint.length} bytes`);
  assert(body.length === viewBodySizeBytes(headers.length), () => `${body.length} bytes for ${headers.length} headers`);
  header.nonce = values.nonce;
  header.op = values.op;
  header.commitMax = values.commitMax;
  header.checkpointOp = values.checkpointOp;
  body.set(checkpoint);
  for (const [index, entry] of headers.entries()) body.set(recordBytes(entry), viewBodySizeBytes(index));
}

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
