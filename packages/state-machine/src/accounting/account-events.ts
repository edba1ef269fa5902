/**
 * Writing account events: what every transfer and every expiry leaves behind (spec 02 §14).
 *
 * @module
 */
import type { Pointer } from "../forest.ts";
import * as u128 from "../lanes/u128.ts";
import * as u64 from "../lanes/u64.ts";
import { AccountEventLane } from "./account-event.ts";
import { AccountFlags, AccountLane } from "./account.ts";
import type { Context } from "./context.ts";
import type { TransferPendingStatus } from "./transfer-pending.ts";
import { TransferLane } from "./transfer.ts";

/** The id and the four balances of an account, which an event holds in the same order. */
const ACCOUNT_PART_LANES = 20;

/** What happened, apart from the accounts. Numbers of several lanes are pairs of an array and a lane. */
export interface AccountEventSource {
  timestamps: Uint32Array;
  timestampAt: number;
  /** Of the transfer; 0 for an expiry. */
  transferFlags: number;
  /** The pending transfer that was posted, voided or has expired; 0 if there is none. */
  pending: Pointer;
  status: TransferPendingStatus;
  /** Null for an expiry. */
  amountsRequested: Uint32Array | null;
  amountRequestedAt: number;
  amounts: Uint32Array;
  amountAt: number;
}

/** Inserts the event with the accounts as they are now, and its entries in the index of account histories. */
export function insertAccountEvent(
  context: Context,
  debit: Pointer,
  credit: Pointer,
  source: AccountEventSource,
): void {
  const { accountEvents, accountTimestampIndex, u32 } = context;
  const dr = debit >>> 2;
  const cr = credit >>> 2;
  const event = accountEvents.slot() >>> 2;
  for (let lane = 0; lane < ACCOUNT_PART_LANES; lane += 1) {
    u32[event + lane] = u32[dr + lane] as number;
    u32[event + ACCOUNT_PART_LANES + lane] = u32[cr + lane] as number;
  }
  u64.copy(u32, event + AccountEventLane.timestamp, source.timestamps, source.timestampAt);
  u64.copy(u32, event + AccountEventLane.drAccountTimestamp, u32, dr + AccountLane.timestamp);
  u64.copy(u32, event + AccountEventLane.crAccountTimestamp, u32, cr + AccountLane.timestamp);
  const drFlags = (u32[dr + AccountLane.codeAndFlags] as number) >>> 16;
  const crFlags = (u32[cr + AccountLane.codeAndFlags] as number) >>> 16;
  u32[event + AccountEventLane.accountFlags] = drFlags | (crFlags << 16);
  writePending(u32, event, source);
  if (source.amountsRequested === null) u128.setZero(u32, event + AccountEventLane.amountRequested);
  else u128.copy(u32, event + AccountEventLane.amountRequested, source.amountsRequested, source.amountRequestedAt);
  u128.copy(u32, event + AccountEventLane.amount, source.amounts, source.amountAt);
  u32[event + AccountEventLane.ledger] = u32[dr + AccountLane.ledger] as number;
  u32[event + AccountEventLane.transferPendingStatus] = source.status;
  u32[event + AccountEventLane.transferPendingStatus + 1] = 0;
  u32[event + AccountEventLane.transferPendingStatus + 2] = 0;
  const inserted = accountEvents.insert();
  if ((drFlags & AccountFlags.history) !== 0) {
    accountEvents.putEntry(accountTimestampIndex, u32, dr + AccountLane.timestamp, inserted);
  }
  if ((crFlags & AccountFlags.history) !== 0) {
    accountEvents.putEntry(accountTimestampIndex, u32, cr + AccountLane.timestamp, inserted);
  }
}

function writePending(u32: Uint32Array, event: number, source: AccountEventSource): void {
  if (source.pending === 0) {
    u32[event + AccountEventLane.transferFlags] = source.transferFlags;
    u128.setZero(u32, event + AccountEventLane.transferPendingId);
    return;
  }
  const pending = source.pending >>> 2;
  const pendingFlags = (u32[pending + TransferLane.codeAndFlags] as number) >>> 16;
  u32[event + AccountEventLane.transferFlags] = source.transferFlags | (pendingFlags << 16);
  u128.copy(u32, event + AccountEventLane.transferPendingId, u32, pending + TransferLane.id);
}
