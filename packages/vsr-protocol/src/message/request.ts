/**
 * `request` (5): one operation of a client, or of the primary to itself (spec 01 §4.9).
 *
 * @module
 */
import type { RecordClass } from "../layout.ts";
import { type FRAME_LAYOUT, headerClass, type HeaderOf } from "./frame.ts";

/** Bytes 128 to 255 of a request. */
export const REQUEST_LAYOUT = {
  parent: { type: "u128", offset: 128 },
  parentPadding: { type: "u128", offset: 144 },
  client: { type: "u128", offset: 160 },
  session: { type: "u53", offset: 176 },
  timestamp: { type: "u64", offset: 184 },
  request: { type: "u32", offset: 192 },
  operation: { type: "u8", offset: 196 },
  previousRequestLatencyPadding: { type: "bytes", offset: 197, size: 3 },
  previousRequestLatency: { type: "u32", offset: 200 },
  reserved: { type: "bytes", offset: 204, size: 52 },
} as const;

export type RequestHeader = HeaderOf<typeof REQUEST_LAYOUT>;
export const RequestHeader: RecordClass<typeof FRAME_LAYOUT & typeof REQUEST_LAYOUT> = headerClass(REQUEST_LAYOUT);
