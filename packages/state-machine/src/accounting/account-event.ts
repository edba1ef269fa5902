/**
 * What a transfer or an expiry did to its two accounts: 256 bytes, stored only (spec 02 §9.2, §9.3, §14).
 *
 * @module
 */
import { recordClass, type RecordClass, type RecordOf } from "@stagbeetle/vsr-protocol";

/** The size of an account event in bytes. */
export const ACCOUNT_EVENT_SIZE_BYTES = 256;

/** Offsets in bytes. Balances and flags are those after the event. */
export const ACCOUNT_EVENT_LAYOUT = {
  drAccountId: { type: "u128", offset: 0 },
  drDebitsPending: { type: "u128", offset: 16 },
  drDebitsPosted: { type: "u128", offset: 32 },
  drCreditsPending: { type: "u128", offset: 48 },
  drCreditsPosted: { type: "u128", offset: 64 },
  crAccountId: { type: "u128", offset: 80 },
  crDebitsPending: { type: "u128", offset: 96 },
  crDebitsPosted: { type: "u128", offset: 112 },
  crCreditsPending: { type: "u128", offset: 128 },
  crCreditsPosted: { type: "u128", offset: 144 },
  timestamp: { type: "u64", offset: 160 },
  drAccountTimestamp: { type: "u64", offset: 168 },
  crAccountTimestamp: { type: "u64", offset: 176 },
  drAccountFlags: { type: "u16", offset: 184 },
  crAccountFlags: { type: "u16", offset: 186 },
  transferFlags: { type: "u16", offset: 188 },
  transferPendingFlags: { type: "u16", offset: 190 },
  transferPendingId: { type: "u128", offset: 192 },
  amountRequested: { type: "u128", offset: 208 },
  amount: { type: "u128", offset: 224 },
  ledger: { type: "u32", offset: 240 },
  transferPendingStatus: { type: "u8", offset: 244 },
  reserved: { type: "bytes", offset: 245, size: 11 },
} as const;

/** A view of an account event, 256 bytes. */
export type AccountEvent = RecordOf<typeof ACCOUNT_EVENT_LAYOUT>;
export const AccountEvent: RecordClass<typeof ACCOUNT_EVENT_LAYOUT> = recordClass(
  ACCOUNT_EVENT_SIZE_BYTES,
  ACCOUNT_EVENT_LAYOUT,
);

/** Where the fields are in lanes. Flags of the debit account are the lower half of their lane, those of the credit account the upper one. */
export const AccountEventLane = {
  drAccountId: 0,
  drBalances: 4,
  crAccountId: 20,
  crBalances: 24,
  timestamp: 40,
  drAccountTimestamp: 42,
  crAccountTimestamp: 44,
  accountFlags: 46,
  transferFlags: 47,
  transferPendingId: 48,
  amountRequested: 52,
  amount: 56,
  ledger: 60,
  transferPendingStatus: 61,
} as const;

/** The size of an account event in lanes. */
const ACCOUNT_EVENT_LANES = 64;

/** The first lane of what files begun before release 0.16.29 have as zeros. */
const ACCOUNT_EVENT_LANES_FORMER = 42;

/** Whether the event at `lanes[at]` has the former schema: a side without `history` is missing then. */
export function accountEventFormer(lanes: Uint32Array, at: number): boolean {
  for (let lane = ACCOUNT_EVENT_LANES_FORMER; lane < ACCOUNT_EVENT_LANES; lane += 1) {
    if (lanes[at + lane] !== 0) return false;
  }
  return true;
}
