/**
 * What an event reports whose id is that of a transfer that exists (spec 02 §12.2, §13.3).
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import { NOT_FOUND, ORPHANED, type Pointer } from "../forest.ts";
import * as u128 from "../lanes/u128.ts";
import * as u64 from "../lanes/u64.ts";
import type { Context } from "./context.ts";
import { CreateTransferStatus } from "./create-transfer-status.ts";
import { TransferFlags, TransferLane } from "./transfer.ts";

const BALANCING = TransferFlags.balancing_debit | TransferFlags.balancing_credit;
const POST_OR_VOID = TransferFlags.post_pending_transfer | TransferFlags.void_pending_transfer;

/**
 * Whether the event says the same as the transfer `existing`, and if not, in what it first differs. Timestamps are not
 * compared. The flags come first, because they decide how the rest is compared.
 */
export function transferExists(context: Context, event: number, existing: Pointer): CreateTransferStatus {
  const { clock, input, u32 } = context;
  const e = existing >>> 2;
  const flags = (input[event + TransferLane.codeAndFlags] as number) >>> 16;
  if (flags !== (u32[e + TransferLane.codeAndFlags] as number) >>> 16) {
    return CreateTransferStatus.exists_with_different_flags;
  }
  if (!u128.equal(input, event + TransferLane.pendingId, u32, e + TransferLane.pendingId)) {
    return CreateTransferStatus.exists_with_different_pending_id;
  }
  if (input[event + TransferLane.timeout] !== u32[e + TransferLane.timeout]) {
    return CreateTransferStatus.exists_with_different_timeout;
  }
  const difference =
    (flags & POST_OR_VOID) !== 0
      ? resolutionDifference(context, event, flags, e)
      : plainDifference(context, event, flags, e);
  if (difference === CreateTransferStatus.exists) u64.copy(clock.result, 0, u32, e + TransferLane.timestamp);
  return difference;
}

function plainDifference(context: Context, event: number, flags: number, e: number): CreateTransferStatus {
  const { input, u32 } = context;
  if (!u128.equal(input, event + TransferLane.debitAccountId, u32, e + TransferLane.debitAccountId)) {
    return CreateTransferStatus.exists_with_different_debit_account_id;
  }
  if (!u128.equal(input, event + TransferLane.creditAccountId, u32, e + TransferLane.creditAccountId)) {
    return CreateTransferStatus.exists_with_different_credit_account_id;
  }
  // A balancing transfer asks for an upper bound: any bound that covers what was moved is the same request.
  const amountDiffers =
    (flags & BALANCING) !== 0
      ? u128.lessThan(input, event + TransferLane.amount, u32, e + TransferLane.amount)
      : !u128.equal(input, event + TransferLane.amount, u32, e + TransferLane.amount);
  if (amountDiffers) return CreateTransferStatus.exists_with_different_amount;
  if (!u128.equal(input, event + TransferLane.userData128, u32, e + TransferLane.userData128)) {
    return CreateTransferStatus.exists_with_different_user_data_128;
  }
  if (!u64.equal(input, event + TransferLane.userData64, u32, e + TransferLane.userData64)) {
    return CreateTransferStatus.exists_with_different_user_data_64;
  }
  if (input[event + TransferLane.userData32] !== u32[e + TransferLane.userData32]) {
    return CreateTransferStatus.exists_with_different_user_data_32;
  }
  if (input[event + TransferLane.ledger] !== u32[e + TransferLane.ledger]) {
    return CreateTransferStatus.exists_with_different_ledger;
  }
  if (input[event + TransferLane.codeAndFlags] !== u32[e + TransferLane.codeAndFlags]) {
    return CreateTransferStatus.exists_with_different_code;
  }
  return CreateTransferStatus.exists;
}

/** For posts and voids: what the event leaves open must be as the pending transfer has it. */
function resolutionDifference(context: Context, event: number, flags: number, e: number): CreateTransferStatus {
  const { transfers, input, u32 } = context;
  const pending = transfers.get(u32, e + TransferLane.pendingId);
  assert(pending !== NOT_FOUND && pending !== ORPHANED, "a transfer that was posted or voided does not exist");
  const p = pending >>> 2;
  const differs128 = (lane: number): boolean =>
    !u128.isZero(input, event + lane) && !u128.equal(input, event + lane, u32, e + lane);
  if (differs128(TransferLane.debitAccountId)) return CreateTransferStatus.exists_with_different_debit_account_id;
  if (differs128(TransferLane.creditAccountId)) return CreateTransferStatus.exists_with_different_credit_account_id;

  const isVoid = (flags & TransferFlags.void_pending_transfer) !== 0;
  const whole = isVoid
    ? u128.isZero(input, event + TransferLane.amount)
    : u128.isMax(input, event + TransferLane.amount);
  const amountEqual = whole
    ? u128.equal(u32, e + TransferLane.amount, u32, p + TransferLane.amount)
    : u128.equal(u32, e + TransferLane.amount, input, event + TransferLane.amount);
  if (!amountEqual) return CreateTransferStatus.exists_with_different_amount;

  const userData128 = u128.isZero(input, event + TransferLane.userData128)
    ? u128.equal(u32, e + TransferLane.userData128, u32, p + TransferLane.userData128)
    : u128.equal(u32, e + TransferLane.userData128, input, event + TransferLane.userData128);
  if (!userData128) return CreateTransferStatus.exists_with_different_user_data_128;
  const userData64 = u64.isZero(input, event + TransferLane.userData64)
    ? u64.equal(u32, e + TransferLane.userData64, u32, p + TransferLane.userData64)
    : u64.equal(u32, e + TransferLane.userData64, input, event + TransferLane.userData64);
  if (!userData64) return CreateTransferStatus.exists_with_different_user_data_64;
  const userData32 =
    input[event + TransferLane.userData32] === 0
      ? u32[p + TransferLane.userData32]
      : input[event + TransferLane.userData32];
  if (userData32 !== u32[e + TransferLane.userData32]) return CreateTransferStatus.exists_with_different_user_data_32;

  const ledger = input[event + TransferLane.ledger];
  if (ledger !== 0 && ledger !== u32[e + TransferLane.ledger]) return CreateTransferStatus.exists_with_different_ledger;
  const code = (input[event + TransferLane.codeAndFlags] as number) & 0xffff;
  if (code !== 0 && code !== ((u32[e + TransferLane.codeAndFlags] as number) & 0xffff)) {
    return CreateTransferStatus.exists_with_different_code;
  }
  return CreateTransferStatus.exists;
}
