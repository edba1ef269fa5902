/**
 * What became of a pending transfer: 16 bytes, stored only (spec 02 §3.3, §9.1).
 *
 * @module
 */
import { recordClass, type RecordClass, type RecordOf } from "@stagbeetle/vsr-protocol";

/** The size of the record in bytes. */
export const TRANSFER_PENDING_SIZE_BYTES = 16;

/** Offsets in bytes. The timestamp is that of the pending transfer. */
export const TRANSFER_PENDING_LAYOUT = {
  timestamp: { type: "u64", offset: 0 },
  status: { type: "u8", offset: 8 },
  padding: { type: "bytes", offset: 9, size: 7 },
} as const;

/** A view of the state of a pending transfer, 16 bytes. */
export type TransferPending = RecordOf<typeof TRANSFER_PENDING_LAYOUT>;
export const TransferPending: RecordClass<typeof TRANSFER_PENDING_LAYOUT> = recordClass(
  TRANSFER_PENDING_SIZE_BYTES,
  TRANSFER_PENDING_LAYOUT,
);

/** The states of a two-phase transfer. A stored record never has `none`. */
export const TransferPendingStatus = { none: 0, pending: 1, posted: 2, voided: 3, expired: 4 } as const;
export type TransferPendingStatus = (typeof TransferPendingStatus)[keyof typeof TransferPendingStatus];

/** Where the fields are in lanes; the status is the lowest byte of its lane, the others are zero. */
export const TransferPendingLane = { timestamp: 0, status: 2, padding: 3 } as const;
