/**
 * Posting and voiding pending transfers (spec 02 §13).
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import { NOT_FOUND, ORPHANED, type Pointer } from "../forest.ts";
import * as u128 from "../lanes/u128.ts";
import * as u64 from "../lanes/u64.ts";
import { type AccountEventSource, insertAccountEvent } from "./account-events.ts";
import { AccountFlags, AccountLane } from "./account.ts";
import type { Context } from "./context.ts";
import { CreateTransferStatus } from "./create-transfer-status.ts";
import { writeExpiresAt } from "./grooves.ts";
import { releaseReservation, type Release } from "./reservation.ts";
import { TransferPendingLane, TransferPendingStatus } from "./transfer-pending.ts";
import { TransferFlags, TransferLane } from "./transfer.ts";

const POST_AND_VOID = TransferFlags.post_pending_transfer | TransferFlags.void_pending_transfer;
const EXCLUSIVE =
  TransferFlags.pending |
  TransferFlags.balancing_debit |
  TransferFlags.balancing_credit |
  TransferFlags.closing_debit |
  TransferFlags.closing_credit;

/** Resolves pending transfers, one at a time. */
export class PendingResolver {
  readonly #context: Context;
  /** The amount that is posted or voided. */
  readonly #amount = new Uint32Array(4);
  readonly #expiresAt = new Uint32Array(2);
  readonly #source: AccountEventSource;
  readonly #release: Release;

  constructor(context: Context) {
    this.#context = context;
    this.#source = {
      timestamps: context.clock.result,
      timestampAt: 0,
      transferFlags: 0,
      pending: NOT_FOUND,
      status: TransferPendingStatus.posted,
      amountsRequested: null,
      amountRequestedAt: 0,
      amounts: this.#amount,
      amountAt: 0,
    };
    this.#release = { pending: NOT_FOUND, debit: NOT_FOUND, credit: NOT_FOUND, posted: null };
  }

  /** Creates the post or void that the event asks for. Its id is known to be new. */
  resolve(event: number, flags: number): CreateTransferStatus {
    const { transfers, accounts, input, u32 } = this.#context;
    const invalid = this.#invalidFields(event, flags);
    if (invalid !== CreateTransferStatus.created) return invalid;
    const pending = transfers.get(input, event + TransferLane.pendingId);
    if (pending === NOT_FOUND || pending === ORPHANED) return CreateTransferStatus.pending_transfer_not_found;
    const different = this.#differs(event, pending >>> 2);
    if (different !== CreateTransferStatus.created) return different;
    const exceeding = this.#invalidAmount(event, flags, pending >>> 2);
    if (exceeding !== CreateTransferStatus.created) return exceeding;
    const resolved = this.#alreadyResolved(pending >>> 2);
    if (resolved !== CreateTransferStatus.created) return resolved;
    const imported = (flags & TransferFlags.imported) !== 0;
    if (imported && this.#context.importedTransferRegresses(input, event + TransferLane.timestamp)) {
      return CreateTransferStatus.imported_event_timestamp_must_not_regress;
    }

    const debit = accounts.get(u32, (pending >>> 2) + TransferLane.debitAccountId);
    const credit = accounts.get(u32, (pending >>> 2) + TransferLane.creditAccountId);
    assert(debit !== NOT_FOUND && credit !== NOT_FOUND, "the accounts of a pending transfer do not exist");
    if ((flags & TransferFlags.post_pending_transfer) !== 0) {
      if (this.#closed(debit)) return CreateTransferStatus.debit_account_already_closed;
      if (this.#closed(credit)) return CreateTransferStatus.credit_account_already_closed;
    }
    this.#store(event, flags, pending, debit, credit);
    return CreateTransferStatus.created;
  }

  #invalidFields(event: number, flags: number): CreateTransferStatus {
    const { input } = this.#context;
    const pendingId = event + TransferLane.pendingId;
    if ((flags & POST_AND_VOID) === POST_AND_VOID || (flags & EXCLUSIVE) !== 0) {
      return CreateTransferStatus.flags_are_mutually_exclusive;
    }
    if (u128.isZero(input, pendingId)) return CreateTransferStatus.pending_id_must_not_be_zero;
    if (u128.isMax(input, pendingId)) return CreateTransferStatus.pending_id_must_not_be_int_max;
    if (u128.equal(input, pendingId, input, event + TransferLane.id)) {
      return CreateTransferStatus.pending_id_must_be_different;
    }
    if (input[event + TransferLane.timeout] !== 0) return CreateTransferStatus.timeout_reserved_for_pending_transfer;
    return CreateTransferStatus.created;
  }

  /** In what the event, where it says something, differs from the pending transfer at lane `p`. */
  #differs(event: number, p: number): CreateTransferStatus {
    const { input, u32 } = this.#context;
    const pendingFlags = (u32[p + TransferLane.codeAndFlags] as number) >>> 16;
    if ((pendingFlags & TransferFlags.pending) === 0) return CreateTransferStatus.pending_transfer_not_pending;
    const debit = event + TransferLane.debitAccountId;
    if (!u128.isZero(input, debit) && !u128.equal(input, debit, u32, p + TransferLane.debitAccountId)) {
      return CreateTransferStatus.pending_transfer_has_different_debit_account_id;
    }
    const credit = event + TransferLane.creditAccountId;
    if (!u128.isZero(input, credit) && !u128.equal(input, credit, u32, p + TransferLane.creditAccountId)) {
      return CreateTransferStatus.pending_transfer_has_different_credit_account_id;
    }
    const ledger = input[event + TransferLane.ledger];
    if (ledger !== 0 && ledger !== u32[p + TransferLane.ledger]) {
      return CreateTransferStatus.pending_transfer_has_different_ledger;
    }
    const code = (input[event + TransferLane.codeAndFlags] as number) & 0xffff;
    if (code !== 0 && code !== ((u32[p + TransferLane.codeAndFlags] as number) & 0xffff)) {
      return CreateTransferStatus.pending_transfer_has_different_code;
    }
    return CreateTransferStatus.created;
  }

  /** Leaves the amount that would be posted or voided in `#amount`. */
  #invalidAmount(event: number, flags: number, p: number): CreateTransferStatus {
    const { input, u32 } = this.#context;
    const isVoid = (flags & TransferFlags.void_pending_transfer) !== 0;
    const amount = event + TransferLane.amount;
    const whole = isVoid ? u128.isZero(input, amount) : u128.isMax(input, amount);
    if (whole) u128.copy(this.#amount, 0, u32, p + TransferLane.amount);
    else u128.copy(this.#amount, 0, input, amount);
    if (u128.lessThan(u32, p + TransferLane.amount, this.#amount, 0)) {
      return CreateTransferStatus.exceeds_pending_transfer_amount;
    }
    if (isVoid && u128.lessThan(this.#amount, 0, u32, p + TransferLane.amount)) {
      return CreateTransferStatus.pending_transfer_has_different_amount;
    }
    return CreateTransferStatus.created;
  }

  #alreadyResolved(p: number): CreateTransferStatus {
    const { clock, transfersPending, u32 } = this.#context;
    const record = transfersPending.get(u32, p + TransferLane.timestamp);
    assert(record !== NOT_FOUND, "a pending transfer has no record of its state");
    switch ((u32[(record >>> 2) + TransferPendingLane.status] as number) & 0xff) {
      case TransferPendingStatus.posted:
        return CreateTransferStatus.pending_transfer_already_posted;
      case TransferPendingStatus.voided:
        return CreateTransferStatus.pending_transfer_already_voided;
      case TransferPendingStatus.expired:
        return CreateTransferStatus.pending_transfer_expired;
      default:
    }
    if (u32[p + TransferLane.timeout] === 0) return CreateTransferStatus.created;
    // Its time may be over although no pulse has taken it back yet.
    writeExpiresAt(u32, p, this.#expiresAt, 0);
    const due = !u64.lessThan(clock.event, 0, this.#expiresAt, 0);
    return due ? CreateTransferStatus.pending_transfer_expired : CreateTransferStatus.created;
  }

  #closed(account: Pointer): boolean {
    const flags = (this.#context.u32[(account >>> 2) + AccountLane.codeAndFlags] as number) >>> 16;
    return (flags & AccountFlags.closed) !== 0;
  }

  #store(event: number, flags: number, pending: Pointer, debit: Pointer, credit: Pointer): void {
    const { clock, input, u32 } = this.#context;
    const isPost = (flags & TransferFlags.post_pending_transfer) !== 0;
    if ((flags & TransferFlags.imported) !== 0) u64.copy(clock.result, 0, input, event + TransferLane.timestamp);
    if (u32[(pending >>> 2) + TransferLane.timeout] !== 0) {
      writeExpiresAt(u32, pending >>> 2, this.#expiresAt, 0);
      this.#context.pulse.resolved(this.#expiresAt, 0);
    }
    this.#release.pending = pending;
    this.#release.debit = debit;
    this.#release.credit = credit;
    this.#release.posted = isPost ? this.#amount : null;
    const status = isPost ? TransferPendingStatus.posted : TransferPendingStatus.voided;
    releaseReservation(this.#context, this.#release, status);

    this.#source.transferFlags = flags;
    this.#source.pending = pending;
    this.#source.status = status;
    this.#source.amountsRequested = input;
    this.#source.amountRequestedAt = event + TransferLane.amount;
    insertAccountEvent(this.#context, debit, credit, this.#source);
    // Last, because an insertion may move the pending transfer. Trees do not see each other's order.
    this.#insert(event, pending >>> 2);
  }

  /** What the event leaves open is as the pending transfer has it. */
  #insert(event: number, p: number): void {
    const { clock, input, transfers, u32 } = this.#context;
    const slot = transfers.slot() >>> 2;
    u128.copy(u32, slot + TransferLane.id, input, event + TransferLane.id);
    u128.copy(u32, slot + TransferLane.debitAccountId, u32, p + TransferLane.debitAccountId);
    u128.copy(u32, slot + TransferLane.creditAccountId, u32, p + TransferLane.creditAccountId);
    u128.copy(u32, slot + TransferLane.amount, this.#amount, 0);
    u128.copy(u32, slot + TransferLane.pendingId, input, event + TransferLane.pendingId);
    if (u128.isZero(input, event + TransferLane.userData128)) {
      u128.copy(u32, slot + TransferLane.userData128, u32, p + TransferLane.userData128);
    } else {
      u128.copy(u32, slot + TransferLane.userData128, input, event + TransferLane.userData128);
    }
    if (u64.isZero(input, event + TransferLane.userData64)) {
      u64.copy(u32, slot + TransferLane.userData64, u32, p + TransferLane.userData64);
    } else {
      u64.copy(u32, slot + TransferLane.userData64, input, event + TransferLane.userData64);
    }
    const userData32 = input[event + TransferLane.userData32] as number;
    u32[slot + TransferLane.userData32] = userData32 === 0 ? (u32[p + TransferLane.userData32] as number) : userData32;
    u32[slot + TransferLane.timeout] = 0;
    u32[slot + TransferLane.ledger] = u32[p + TransferLane.ledger] as number;
    const code = (u32[p + TransferLane.codeAndFlags] as number) & 0xffff;
    u32[slot + TransferLane.codeAndFlags] = code | ((input[event + TransferLane.codeAndFlags] as number) & 0xffff_0000);
    u64.copy(u32, slot + TransferLane.timestamp, clock.result, 0);
    transfers.insert();
  }
}
