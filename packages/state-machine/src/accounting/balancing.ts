/**
 * Balancing transfers: the amount is an upper bound, and no more moves than the other side of an account covers (spec 02 §12, step 15).
 *
 * @module
 */
import * as u128 from "../lanes/u128.ts";
import { AccountLane } from "./account.ts";
import { TransferFlags } from "./transfer.ts";

const available = new Uint32Array(4);

/** amount ← min(amount, max(limit − (pending + posted), 0)) */
function bound(amount: Uint32Array, u32: Uint32Array, limit: number, pending: number, posted: number): void {
  u128.add(available, 0, u32, pending, u32, posted);
  u128.subtractSaturating(available, 0, u32, limit, available, 0);
  if (u128.lessThan(available, 0, amount, 0)) u128.copy(amount, 0, available, 0);
}

/** Reduces `amount`, possibly to 0, as the flags of the transfer say. `dr` and `cr` are the accounts' first lanes. */
export function balancedAmount(amount: Uint32Array, flags: number, u32: Uint32Array, dr: number, cr: number): void {
  if ((flags & TransferFlags.balancing_debit) !== 0) {
    bound(amount, u32, dr + AccountLane.creditsPosted, dr + AccountLane.debitsPending, dr + AccountLane.debitsPosted);
  }
  if ((flags & TransferFlags.balancing_credit) !== 0) {
    bound(amount, u32, cr + AccountLane.debitsPosted, cr + AccountLane.creditsPending, cr + AccountLane.creditsPosted);
  }
}
