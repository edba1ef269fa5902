/**
 * `prepare` (6): an op of the log, from the primary to all other replicas, in the journal and in the AOF (spec 01 §4.10).
 *
 * @module
 */
import type { RecordClass } from "../layout.ts";
import { type FRAME_LAYOUT, headerClass, type HeaderOf } from "./frame.ts";

/** Bytes 128 to 255 of a prepare. */
export const PREPARE_LAYOUT = {
  parent: { type: "u128", offset: 128 },
  parentPadding: { type: "u128", offset: 144 },
  requestChecksum: { type: "u128", offset: 160 },
  requestChecksumPadding: { type: "u128", offset: 176 },
  checkpointId: { type: "u128", offset: 192 },
  client: { type: "u128", offset: 208 },
  op: { type: "u53", offset: 224 },
  commit: { type: "u53", offset: 232 },
  timestamp: { type: "u64", offset: 240 },
  request: { type: "u32", offset: 248 },
  operation: { type: "u8", offset: 252 },
  reserved: { type: "bytes", offset: 253, size: 3 },
} as const;

export type PrepareHeader = HeaderOf<typeof PREPARE_LAYOUT>;
export const PrepareHeader: RecordClass<typeof FRAME_LAYOUT & typeof PREPARE_LAYOUT> = headerClass(PREPARE_LAYOUT);
