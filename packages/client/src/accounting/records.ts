/**
 * What goes into the ledger's operations and comes out of them, as JavaScript objects: the properties of the official client
 * in its order. As there they are type aliases, which fit where any object with string keys is wanted; interfaces do not.
 *
 * @module
 */
import type { CreateAccountStatus, CreateTransferStatus } from "./enumerations.ts";

/** The id of an account: a u128, neither 0 nor 2^128 − 1. */
export type AccountID = bigint;

/** The id of a transfer: a u128, neither 0 nor 2^128 − 1. */
export type TransferID = bigint;

/** An account (spec 02 §2.1). Integers are `bigint` from 64 bits on, and unsigned. */
export type Account = {
  /** u128; `id()` makes good ones. */
  id: bigint;
  /** u128, 0 when it is created. */
  debits_pending: bigint;
  /** u128, 0 when it is created. */
  debits_posted: bigint;
  /** u128, 0 when it is created. */
  credits_pending: bigint;
  /** u128, 0 when it is created. */
  credits_posted: bigint;
  /** u128, the user's own. */
  user_data_128: bigint;
  /** u64, the user's own. */
  user_data_64: bigint;
  /** u32, the user's own. */
  user_data_32: number;
  /** u32, always 0. */
  reserved: number;
  /** u32, not 0: transfers are between accounts of the same ledger. */
  ledger: number;
  /** u16, not 0: the user's own. */
  code: number;
  /** u16: `AccountFlags`. */
  flags: number;
  /** u64: nanoseconds since the Unix epoch. 0 when it is created, unless it is imported. */
  timestamp: bigint;
};

/** A transfer (spec 02 §2.2). */
export type Transfer = {
  /** u128; `id()` makes good ones. */
  id: bigint;
  /** u128. */
  debit_account_id: bigint;
  /** u128. */
  credit_account_id: bigint;
  /** u128; `amount_max` stands for as much as possible where the flags allow it. */
  amount: bigint;
  /** u128: the pending transfer that is posted or voided; else 0. */
  pending_id: bigint;
  /** u128, the user's own. */
  user_data_128: bigint;
  /** u64, the user's own. */
  user_data_64: bigint;
  /** u32, the user's own. */
  user_data_32: number;
  /** u32: seconds after which a pending transfer expires; 0 for never. */
  timeout: number;
  /** u32. */
  ledger: number;
  /** u16, not 0: the user's own. */
  code: number;
  /** u16: `TransferFlags`. */
  flags: number;
  /** u64: nanoseconds since the Unix epoch. 0 when it is created, unless it is imported. */
  timestamp: bigint;
};

/** Which transfers or balances of an account (spec 02 §2.6). Zero in `user_data_…` and `code` means any. */
export type AccountFilter = {
  /** u128. */
  account_id: bigint;
  /** u128. */
  user_data_128: bigint;
  /** u64. */
  user_data_64: bigint;
  /** u32. */
  user_data_32: number;
  /** u16. */
  code: number;
  /** u64, inclusive; 0 for the beginning. */
  timestamp_min: bigint;
  /** u64, inclusive; 0 for the end. */
  timestamp_max: bigint;
  /** u32, not 0: how many results at most, up to 8,189. */
  limit: number;
  /** u32: `AccountFilterFlags`. */
  flags: number;
};

/** Which accounts or transfers (spec 02 §2.7). Zero in `user_data_…`, `ledger` and `code` means any. */
export type QueryFilter = {
  /** u128. */
  user_data_128: bigint;
  /** u64. */
  user_data_64: bigint;
  /** u32. */
  user_data_32: number;
  /** u32. */
  ledger: number;
  /** u16. */
  code: number;
  /** u64, inclusive; 0 for the beginning. */
  timestamp_min: bigint;
  /** u64, inclusive; 0 for the end. */
  timestamp_max: bigint;
  /** u32, not 0: how many results at most, up to 8,189. */
  limit: number;
  /** u32: `QueryFilterFlags`. */
  flags: number;
};

/** The balances of an account at one moment (spec 02 §2.5). */
export type AccountBalance = {
  /** u128. */
  debits_pending: bigint;
  /** u128. */
  debits_posted: bigint;
  /** u128. */
  credits_pending: bigint;
  /** u128. */
  credits_posted: bigint;
  /** u64: that of the transfer after which they were so. */
  timestamp: bigint;
};

/** What became of an event of `createAccounts` (spec 02 §2.3). */
export type CreateAccountResult = {
  /** u64: when the account was created, or when the event was judged. */
  timestamp: bigint;
  status: CreateAccountStatus;
};

/** What became of an event of `createTransfers` (spec 02 §2.3). */
export type CreateTransferResult = {
  /** u64: when the transfer was created, or when the event was judged. */
  timestamp: bigint;
  status: CreateTransferStatus;
};
