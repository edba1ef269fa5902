/**
 * `join_view` (11): a replica joins a view and says what its log holds: headers in the body, highest op first (spec 01 §4.15).
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import { isZero, recordBytes, type RecordClass } from "../layout.ts";
import type { ViewChangeSlice } from "../view-headers.ts";
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

/** A view of the header of a `join_view`, 256 bytes. */
export type JoinViewHeader = HeaderOf<typeof JOIN_VIEW_LAYOUT>;
export const JoinViewHeader: RecordClass<typeof FRAME_LAYOUT & typeof JOIN_VIEW_LAYOUT> = headerClass(JOIN_VIEW_LAYOUT);

/** What a `join_view` says beside its frame. */
export interface JoinViewValues {
  /** The last view whose log the sender holds. */
  readonly logView: number;
  readonly commitMin: number;
  /** The op of the sender's checkpoint. */
  readonly checkpointOp: number;
  /** Highest op first. */
  readonly headers: ViewChangeSlice;
  /** Bit i: the sender has the prepare of header i. */
  readonly present: bigint;
  /** Bit i: the sender never had the prepare of header i. */
  readonly nack: bigint;
}

/** Fills in a `join_view` and its body of 256 bytes for each header. The frame and the checksums are the caller's. */
export function writeJoinView(header: JoinViewHeader, body: Uint8Array, values: JoinViewValues): void {
  const { headers } = values;
  const newest = headers[0];
  assert(newest !== undefined && body.length === headers.length * HEADER_SIZE_BYTES, () => `${headers.length} headers`);
  header.presentBitset = values.present;
  header.nackBitset = values.nack;
  header.op = newest.op;
  header.commitMin = values.commitMin;
  header.checkpointOp = values.checkpointOp;
  header.logView = values.logView;
  for (const [index, entry] of headers.entries()) body.set(recordBytes(entry), index * HEADER_SIZE_BYTES);
}

/** Why a `join_view` whose frame is valid is invalid, or null if it is not. */
export function invalidJoinView(header: JoinViewHeader): string | null {
  if ((header.size - HEADER_SIZE_BYTES) % HEADER_SIZE_BYTES !== 0) return "size is not a multiple of headers";
  if (header.release !== 0) return "release is not 0";
  if (header.op < header.commitMin) return "op is below commit_min";
  if (header.commitMin < header.checkpointOp) return "commit_min is below checkpoint_op";
  if (!isZero(header, JOIN_VIEW_LAYOUT.reserved)) return "reserved is not zero";
  return null;
}
