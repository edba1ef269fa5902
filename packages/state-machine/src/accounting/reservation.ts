/**
 * Releasing what a pending transfer has reserved: by a post, by a void, or because its time is over (spec 02 §13.2, §18).
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import { NOT_FOUND, type Pointer } from "../forest.ts";
import * as u128 from "../lanes/u128.ts";
import { ACCOUNT_LANES, AccountFlags, AccountLane } from "./account.ts";
import type { Context } from "./context.ts";
import { TransferPendingLane, type TransferPendingStatus } from "./transfer-pending.ts";
import { TransferFlags, TransferLane } from "./transfer.ts";

/** `closed` in the lane that an account's flags share with its code. */
const CLOSED_BIT = AccountFlags.closed << 16;
/** The size of the record of a pending transfer's state in lanes. */
const PENDING_RECORD_LANES = 4;

/** Which reservation is released. */
export interface Release {
  pending: Pointer;
  debit: Pointer;
  credit: Pointer;
  /** The amount that is posted instead; null for voids and expiries, which reopen what the pending transfer had closed. */
  posted: Uint32Array | null;
}

/** Changes both accounts, the record of the pending transfer's state, and the index of what will expire. */
export function releaseReservation(context: Context, release: Release, status: TransferPendingStatus): void {
  const { transfers, expiresAtIndex, drNext, crNext, u32 } = context;
  const p = release.pending >>> 2;
  if (u32[p + TransferLane.timeout] !== 0) transfers.removeEntry(expiresAtIndex, release.pending);
  setPendingStatus(context, p, status);
  const flags = (u32[p + TransferLane.codeAndFlags] as number) >>> 16;
  const { pending, debit, credit, posted } = release;
  releaseSide(context, debit, drNext, pending, DEBITS, (flags & TransferFlags.closing_debit) !== 0, posted);
  releaseSide(context, credit, crNext, pending, CREDITS, (flags & TransferFlags.closing_credit) !== 0, posted);
}

/** Which balances of an account a side of a transfer changes. */
interface Side {
  readonly pending: number;
  readonly posted: number;
}

const DEBITS: Side = { pending: AccountLane.debitsPending, posted: AccountLane.debitsPosted };
const CREDITS: Side = { pending: AccountLane.creditsPending, posted: AccountLane.creditsPosted };

/** Takes the whole reservation back, adds what is posted, and updates the account if that changes it. */
function releaseSide(
  context: Context,
  account: Pointer,
  next: Pointer,
  pending: Pointer,
  side: Side,
  closing: boolean,
  posted: Uint32Array | null,
): void {
  const { accounts, u32 } = context;
  const reserved = (pending >>> 2) + TransferLane.amount;
  const reopens = closing && posted === null;
  if (u128.isZero(u32, reserved) && !reopens) return;
  const from = account >>> 2;
  const to = next >>> 2;
  for (let lane = 0; lane < ACCOUNT_LANES; lane += 1) u32[to + lane] = u32[from + lane] as number;
  const borrow = u128.subtract(u32, to + side.pending, u32, from + side.pending, u32, reserved);
  assert(!borrow, "a reservation is larger than the account's pending balance");
  if (posted !== null) {
    const overflow = u128.add(u32, to + side.posted, u32, from + side.posted, posted, 0);
    assert(!overflow, "posting a pending transfer overflows the posted balance");
  }
  const codeAndFlags = u32[from + AccountLane.codeAndFlags] as number;
  assert(!closing || (codeAndFlags & CLOSED_BIT) !== 0, "a pending transfer closes an account that is open");
  if (reopens) u32[to + AccountLane.codeAndFlags] = codeAndFlags & ~CLOSED_BIT;
  accounts.update(account, next);
}

function setPendingStatus(context: Context, p: number, status: TransferPendingStatus): void {
  const { transfersPending, pendingNext, u32 } = context;
  const record = transfersPending.get(u32, p + TransferLane.timestamp);
  assert(record !== NOT_FOUND, "a pending transfer has no record of its state");
  const next = pendingNext >>> 2;
  for (let lane = 0; lane < PENDING_RECORD_LANES; lane += 1) u32[next + lane] = u32[(record >>> 2) + lane] as number;
  u32[next + TransferPendingLane.status] = status;
  transfersPending.update(record, pendingNext);
}
