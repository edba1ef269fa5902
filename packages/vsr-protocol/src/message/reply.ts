/**
 * `reply` (8): the result of a client's request (spec 01 §4.12).
 *
 * @module
 */
import type { RecordClass } from "../layout.ts";
import { type FRAME_LAYOUT, headerClass, type HeaderOf } from "./frame.ts";

/** Bytes 128 to 255 of a reply. */
export const REPLY_LAYOUT = {
  requestChecksum: { type: "u128", offset: 128 },
  requestChecksumPadding: { type: "u128", offset: 144 },
  context: { type: "u128", offset: 160 },
  contextPadding: { type: "u128", offset: 176 },
  client: { type: "u128", offset: 192 },
  op: { type: "u53", offset: 208 },
  commit: { type: "u53", offset: 216 },
  timestamp: { type: "u64", offset: 224 },
  request: { type: "u32", offset: 232 },
  operation: { type: "u8", offset: 236 },
  reserved: { type: "bytes", offset: 237, size: 19 },
} as const;

export type ReplyHeader = HeaderOf<typeof REPLY_LAYOUT>;
export const ReplyHeader: RecordClass<typeof FRAME_LAYOUT & typeof REPLY_LAYOUT> = headerClass(REPLY_LAYOUT);
