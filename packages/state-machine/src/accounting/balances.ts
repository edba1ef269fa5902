/**
 * What an account's balances and limits allow (spec 02 §2.1, §12).
 *
 * An account is its first lane in the forest's memory.
 *
 * @module
 */
import * as u128 from "../lanes/u128.ts";
import { AccountFlags, AccountLane } from "./account.ts";
import { CreateTransferStatus } from "./create-transfer-status.ts";

const sum = new Uint32Array(4);

/** Whether pending + posted + amount > limit. The sum does not overflow: that was checked before. */
function exceeds(u32: Uint32Array, pending: number, posted: number, limit: number, amount: Uint32Array): boolean {
  u128.add(sum, 0, u32, pending, u32, posted);
  u128.add(sum, 0, sum, 0, amount, 0);
  return u128.lessThan(u32, limit, sum, 0);
}

/** Whether another `amount` of debits would break the limit of an account whose debits must not exceed its credits. */
export function debitsExceedCredits(u32: Uint32Array, account: number, flags: number, amount: Uint32Array): boolean {
  if ((flags & AccountFlags.debits_must_not_exceed_credits) === 0) return false;
  return exceeds(
    u32,
    account + AccountLane.debitsPending,
    account + AccountLane.debitsPosted,
    account + AccountLane.creditsPosted,
    amount,
  );
}

/** Whether another `amount` of credits would break the limit of an account whose credits must not exceed its debits. */
export function creditsExceedDebits(u32: Uint32Array, account: number, flags: number, amount: Uint32Array): boolean {
  if ((flags & AccountFlags.credits_must_not_exceed_debits) === 0) return false;
  return exceeds(
    u32,
    account + AccountLane.creditsPending,
    account + AccountLane.creditsPosted,
    account + AccountLane.debitsPosted,
    amount,
  );
}

/**
 * Which sum the amount would make overflow: `created` if none. The posted balances are checked for pending transfers too,
 * so that posting them cannot fail.
 */
export function overflows(
  u32: Uint32Array,
  dr: number,
  cr: number,
  amount: Uint32Array,
  pending: boolean,
): CreateTransferStatus {
  if (pending) {
    if (u128.addOverflows(u32, dr + AccountLane.debitsPending, amount, 0)) {
      return CreateTransferStatus.overflows_debits_pending;
    }
    if (u128.addOverflows(u32, cr + AccountLane.creditsPending, amount, 0)) {
      return CreateTransferStatus.overflows_credits_pending;
    }
  }
  if (u128.addOverflows(u32, dr + AccountLane.debitsPosted, amount, 0)) {
    return CreateTransferStatus.overflows_debits_posted;
  }
  if (u128.addOverflows(u32, cr + AccountLane.creditsPosted, amount, 0)) {
    return CreateTransferStatus.overflows_credits_posted;
  }
  u128.add(sum, 0, u32, dr + AccountLane.debitsPending, u32, dr + AccountLane.debitsPosted);
  if (u128.addOverflows(sum, 0, amount, 0)) return CreateTransferStatus.overflows_debits;
  u128.add(sum, 0, u32, cr + AccountLane.creditsPending, u32, cr + AccountLane.creditsPosted);
  if (u128.addOverflows(sum, 0, amount, 0)) return CreateTransferStatus.overflows_credits;
  return CreateTransferStatus.created;
}
