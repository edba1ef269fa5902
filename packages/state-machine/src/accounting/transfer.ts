/**
 * Transfers: 128 bytes, as events of `create_transfers`, in storage and in replies (spec 02 §2.2).
 *
 * @module
 */
import { recordClass, type RecordClass, type RecordOf } from "@stagbeetle/vsr-protocol";

/** The size of a transfer in bytes. */
export const TRANSFER_SIZE_BYTES = 128;

/** Offsets in bytes; the timeout is in seconds. */
export const TRANSFER_LAYOUT = {
  id: { type: "u128", offset: 0 },
  debitAccountId: { type: "u128", offset: 16 },
  creditAccountId: { type: "u128", offset: 32 },
  amount: { type: "u128", offset: 48 },
  pendingId: { type: "u128", offset: 64 },
  userData128: { type: "u128", offset: 80 },
  userData64: { type: "u64", offset: 96 },
  userData32: { type: "u32", offset: 104 },
  timeout: { type: "u32", offset: 108 },
  ledger: { type: "u32", offset: 112 },
  code: { type: "u16", offset: 116 },
  flags: { type: "u16", offset: 118 },
  timestamp: { type: "u64", offset: 120 },
} as const;

/** A view of a transfer, 128 bytes. */
export type Transfer = RecordOf<typeof TRANSFER_LAYOUT>;
export const Transfer: RecordClass<typeof TRANSFER_LAYOUT> = recordClass(TRANSFER_SIZE_BYTES, TRANSFER_LAYOUT);

/** The bits of a transfer's flags. They are stored as given. */
export const TransferFlags = {
  /** This event succeeds or fails together with the next one. */
  linked: 1,
  pending: 2,
  post_pending_transfer: 4,
  void_pending_transfer: 8,
  balancing_debit: 16,
  balancing_credit: 32,
  closing_debit: 64,
  closing_credit: 128,
  imported: 256,
} as const;

/** The bits of the flags that have no meaning yet. */
export const TRANSFER_FLAGS_PADDING = 0xfe00;

/** Where the fields are in a transfer seen as 32-bit lanes. `code` is the lower half of its lane and `flags` the upper one. */
export const TransferLane = {
  id: 0,
  debitAccountId: 4,
  creditAccountId: 8,
  amount: 12,
  pendingId: 16,
  userData128: 20,
  userData64: 24,
  userData32: 26,
  timeout: 27,
  ledger: 28,
  codeAndFlags: 29,
  timestamp: 30,
} as const;

/** The size of a transfer in lanes. */
export const TRANSFER_LANES = 32;

/** What a second of a timeout is worth in a timestamp. */
export const NANOSECONDS_PER_SECOND = 1_000_000_000;
