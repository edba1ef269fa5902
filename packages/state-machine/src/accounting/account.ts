/**
 * Accounts: 128 bytes, as events of `create_accounts`, in storage and in replies (spec 02 §2.1).
 *
 * @module
 */
import { recordClass, type RecordClass, type RecordOf } from "@stagbeetle/vsr-protocol";

/** The size of an account in bytes. */
export const ACCOUNT_SIZE_BYTES = 128;

/** Offsets in bytes. */
export const ACCOUNT_LAYOUT = {
  id: { type: "u128", offset: 0 },
  debitsPending: { type: "u128", offset: 16 },
  debitsPosted: { type: "u128", offset: 32 },
  creditsPending: { type: "u128", offset: 48 },
  creditsPosted: { type: "u128", offset: 64 },
  userData128: { type: "u128", offset: 80 },
  userData64: { type: "u64", offset: 96 },
  userData32: { type: "u32", offset: 104 },
  reserved: { type: "u32", offset: 108 },
  ledger: { type: "u32", offset: 112 },
  code: { type: "u16", offset: 116 },
  flags: { type: "u16", offset: 118 },
  timestamp: { type: "u64", offset: 120 },
} as const;

/** A view of an account, 128 bytes. */
export type Account = RecordOf<typeof ACCOUNT_LAYOUT>;
export const Account: RecordClass<typeof ACCOUNT_LAYOUT> = recordClass(ACCOUNT_SIZE_BYTES, ACCOUNT_LAYOUT);

/** The bits of an account's flags. They are stored as given; only `closed` changes. */
export const AccountFlags = {
  /** This event succeeds or fails together with the next one. */
  linked: 1,
  debits_must_not_exceed_credits: 2,
  credits_must_not_exceed_debits: 4,
  /** Balances are kept for `get_account_balances`. */
  history: 8,
  imported: 16,
  closed: 32,
} as const;

/** The bits of the flags that have no meaning yet. */
export const ACCOUNT_FLAGS_PADDING = 0xffc0;

/**
 * Where the fields are in an account seen as 32-bit lanes. `code` is the lower half of its lane and `flags` the upper
 * one.
 */
export const AccountLane = {
  id: 0,
  debitsPending: 4,
  debitsPosted: 8,
  creditsPending: 12,
  creditsPosted: 16,
  userData128: 20,
  userData64: 24,
  userData32: 26,
  reserved: 27,
  ledger: 28,
  codeAndFlags: 29,
  timestamp: 30,
} as const;

/** The size of an account in lanes. */
export const ACCOUNT_LANES = 32;
