/**
 * Creating transfers (spec 02 §12, §15).
 *
 * @module
 */
import type { Kernels } from "@stagbeetle/kernels";
import { NOT_FOUND, ORPHANED, type Pointer, type ScopeOutcome } from "../forest.ts";
import * as u128 from "../lanes/u128.ts";
import * as u64 from "../lanes/u64.ts";
import { timestampLanesValid } from "../timestamp.ts";
import { type AccountEventSource, insertAccountEvent } from "./account-events.ts";
import { ACCOUNT_LANES, AccountFlags, AccountLane } from "./account.ts";
import { balancedAmount } from "./balancing.ts";
import type { EventCreator } from "./chains.ts";
import type { Context } from "./context.ts";
import { CreateTransferStatus, createTransferStatusTransient } from "./create-transfer-status.ts";
import { creditsExceedDebits, debitsExceedCredits, overflows } from "./balances.ts";
import { PendingResolver } from "./post-void.ts";
import { SimpleTransfers } from "./simple-transfers.ts";
import { transferExists } from "./transfer-exists.ts";
import { TransferPendingLane, TransferPendingStatus } from "./transfer-pending.ts";
import {
  NANOSECONDS_PER_SECOND,
  TRANSFER_FLAGS_PADDING,
  TRANSFER_LANES,
  TransferFlags,
  TransferLane,
} from "./transfer.ts";

const POST_OR_VOID = TransferFlags.post_pending_transfer | TransferFlags.void_pending_transfer;
const CLOSING = TransferFlags.closing_debit | TransferFlags.closing_credit;
/** `closed` in the lane that an account's flags share with its code. */
const CLOSED_BIT = AccountFlags.closed << 16;

/** Creates transfers, one at a time: plain and pending ones here, posts and voids in {@link PendingResolver}. */
export class TransferCreator implements EventCreator {
  readonly statuses: typeof CreateTransferStatus = CreateTransferStatus;
  readonly importedFlag: number = TransferFlags.imported;
  readonly #context: Context;
  readonly #resolver: PendingResolver;
  readonly #simple: SimpleTransfers | null;
  /** The amount that moves. */
  readonly #amount = new Uint32Array(4);
  readonly #expiresAt = new Uint32Array(2);
  readonly #source: AccountEventSource;

  /** @param kernels over the forest's memory; null if there are none. */
  constructor(context: Context, kernels: Kernels | null) {
    this.#context = context;
    this.#resolver = new PendingResolver(context);
    this.#simple = SimpleTransfers.over(context, kernels);
    this.#source = {
      timestamps: context.clock.result,
      timestampAt: 0,
      transferFlags: 0,
      pending: NOT_FOUND,
      status: TransferPendingStatus.none,
      amountsRequested: null,
      amountRequestedAt: 0,
      amounts: this.#amount,
      amountAt: 0,
    };
  }

  create(event: number): CreateTransferStatus {
    const { transfers, input } = this.#context;
    const flags = (input[event + TransferLane.codeAndFlags] as number) >>> 16;
    if ((flags & TRANSFER_FLAGS_PADDING) !== 0) return CreateTransferStatus.reserved_flag;
    if (u128.isZero(input, event + TransferLane.id)) return CreateTransferStatus.id_must_not_be_zero;
    if (u128.isMax(input, event + TransferLane.id)) return CreateTransferStatus.id_must_not_be_int_max;

    const existing = transfers.get(input, event + TransferLane.id);
    if (existing === ORPHANED) return CreateTransferStatus.id_already_failed;
    if (existing !== NOT_FOUND) return transferExists(this.#context, event, existing);
    if ((flags & POST_OR_VOID) !== 0) return this.#resolver.resolve(event, flags);

    const invalid = this.#invalidFields(event, flags);
    if (invalid !== CreateTransferStatus.created) return invalid;
    return this.#move(event, flags);
  }

  createRun(event: number, count: number): number {
    return this.#simple === null ? 0 : this.#simple.create(event, count);
  }

  /** Burns the id of an event that failed for a reason that may go away. */
  failed(event: number, status: number): void {
    if (!createTransferStatusTransient(status as CreateTransferStatus)) return;
    const { transfers, input } = this.#context;
    transfers.insertOrphan(input, event + TransferLane.id);
  }

  scopeOpen(): void {
    this.#context.scopeOpen();
  }

  scopeClose(outcome: ScopeOutcome): void {
    this.#context.scopeClose(outcome);
  }

  /** What is wrong with the event whatever the state. */
  #invalidFields(event: number, flags: number): CreateTransferStatus {
    const { input } = this.#context;
    const debit = event + TransferLane.debitAccountId;
    const credit = event + TransferLane.creditAccountId;
    if (u128.isZero(input, debit)) return CreateTransferStatus.debit_account_id_must_not_be_zero;
    if (u128.isMax(input, debit)) return CreateTransferStatus.debit_account_id_must_not_be_int_max;
    if (u128.isZero(input, credit)) return CreateTransferStatus.credit_account_id_must_not_be_zero;
    if (u128.isMax(input, credit)) return CreateTransferStatus.credit_account_id_must_not_be_int_max;
    if (u128.equal(input, debit, input, credit)) return CreateTransferStatus.accounts_must_be_different;
    if (!u128.isZero(input, event + TransferLane.pendingId)) return CreateTransferStatus.pending_id_must_be_zero;
    if ((flags & TransferFlags.pending) === 0) {
      if (input[event + TransferLane.timeout] !== 0) return CreateTransferStatus.timeout_reserved_for_pending_transfer;
      if ((flags & CLOSING) !== 0) return CreateTransferStatus.closing_transfer_must_be_pending;
    }
    if (input[event + TransferLane.ledger] === 0) return CreateTransferStatus.ledger_must_not_be_zero;
    if (((input[event + TransferLane.codeAndFlags] as number) & 0xffff) === 0) {
      return CreateTransferStatus.code_must_not_be_zero;
    }
    return CreateTransferStatus.created;
  }

  /** Everything that depends on the accounts, and then the transfer itself. */
  #move(event: number, flags: number): CreateTransferStatus {
    const { accounts, clock, input, u32 } = this.#context;
    const debit = accounts.get(input, event + TransferLane.debitAccountId);
    if (debit === NOT_FOUND) return CreateTransferStatus.debit_account_not_found;
    const credit = accounts.get(input, event + TransferLane.creditAccountId);
    if (credit === NOT_FOUND) return CreateTransferStatus.credit_account_not_found;
    const dr = debit >>> 2;
    const cr = credit >>> 2;
    const ledger = u32[dr + AccountLane.ledger];
    if (ledger !== u32[cr + AccountLane.ledger]) return CreateTransferStatus.accounts_must_have_the_same_ledger;
    if (ledger !== input[event + TransferLane.ledger]) {
      return CreateTransferStatus.transfer_must_have_the_same_ledger_as_accounts;
    }
    if ((flags & TransferFlags.imported) !== 0) {
      const invalid = this.#invalidImport(event, dr, cr);
      if (invalid !== CreateTransferStatus.created) return invalid;
      u64.copy(clock.result, 0, input, event + TransferLane.timestamp);
    }
    const refused = this.#refused(event, flags, dr, cr);
    if (refused !== CreateTransferStatus.created) {
      u64.copy(clock.result, 0, clock.event, 0);
      return refused;
    }
    this.#store(event, flags, debit, credit);
    return CreateTransferStatus.created;
  }

  #invalidImport(event: number, dr: number, cr: number): CreateTransferStatus {
    const { input, u32 } = this.#context;
    const timestamp = event + TransferLane.timestamp;
    if (this.#context.importedTransferRegresses(input, timestamp)) {
      return CreateTransferStatus.imported_event_timestamp_must_not_regress;
    }
    if (!u64.lessThan(u32, dr + AccountLane.timestamp, input, timestamp)) {
      return CreateTransferStatus.imported_event_timestamp_must_postdate_debit_account;
    }
    if (!u64.lessThan(u32, cr + AccountLane.timestamp, input, timestamp)) {
      return CreateTransferStatus.imported_event_timestamp_must_postdate_credit_account;
    }
    if (input[event + TransferLane.timeout] !== 0) return CreateTransferStatus.imported_event_timeout_must_be_zero;
    return CreateTransferStatus.created;
  }

  /** Why the accounts do not take the transfer. Leaves the amount that would move in `#amount`. */
  #refused(event: number, flags: number, dr: number, cr: number): CreateTransferStatus {
    const { clock, input, u32 } = this.#context;
    const drFlags = (u32[dr + AccountLane.codeAndFlags] as number) >>> 16;
    const crFlags = (u32[cr + AccountLane.codeAndFlags] as number) >>> 16;
    if ((drFlags & AccountFlags.closed) !== 0) return CreateTransferStatus.debit_account_already_closed;
    if ((crFlags & AccountFlags.closed) !== 0) return CreateTransferStatus.credit_account_already_closed;

    u128.copy(this.#amount, 0, input, event + TransferLane.amount);
    balancedAmount(this.#amount, flags, u32, dr, cr);
    const overflow = overflows(u32, dr, cr, this.#amount, (flags & TransferFlags.pending) !== 0);
    if (overflow !== CreateTransferStatus.created) return overflow;

    u64.multiply(this.#expiresAt, 0, input[event + TransferLane.timeout] as number, NANOSECONDS_PER_SECOND);
    const carry = u64.add(this.#expiresAt, 0, this.#expiresAt, 0, clock.result, 0);
    if (carry || !timestampLanesValid(this.#expiresAt, 0)) return CreateTransferStatus.overflows_timeout;

    if (debitsExceedCredits(u32, dr, drFlags, this.#amount)) return CreateTransferStatus.exceeds_credits;
    if (creditsExceedDebits(u32, cr, crFlags, this.#amount)) return CreateTransferStatus.exceeds_debits;
    return CreateTransferStatus.created;
  }

  #store(event: number, flags: number, debit: Pointer, credit: Pointer): void {
    const { accounts, clock, drNext, crNext, input, transfers, u32 } = this.#context;
    const slot = transfers.slot() >>> 2;
    for (let lane = 0; lane < TRANSFER_LANES; lane += 1) u32[slot + lane] = input[event + lane] as number;
    u128.copy(u32, slot + TransferLane.amount, this.#amount, 0);
    u64.copy(u32, slot + TransferLane.timestamp, clock.result, 0);
    transfers.insert();

    const pending = (flags & TransferFlags.pending) !== 0;
    if (pending) this.#insertPending();
    const moves = !u128.isZero(this.#amount, 0);
    const closesDebit = (flags & TransferFlags.closing_debit) !== 0;
    const closesCredit = (flags & TransferFlags.closing_credit) !== 0;
    if (moves || closesDebit) {
      const balance = pending ? AccountLane.debitsPending : AccountLane.debitsPosted;
      this.#composeNext(drNext, debit, balance, closesDebit);
      accounts.update(debit, drNext);
    }
    if (moves || closesCredit) {
      const balance = pending ? AccountLane.creditsPending : AccountLane.creditsPosted;
      this.#composeNext(crNext, credit, balance, closesCredit);
      accounts.update(credit, crNext);
    }
    this.#source.transferFlags = flags;
    this.#source.status = pending ? TransferPendingStatus.pending : TransferPendingStatus.none;
    this.#source.amountsRequested = input;
    this.#source.amountRequestedAt = event + TransferLane.amount;
    insertAccountEvent(this.#context, debit, credit, this.#source);
    if (input[event + TransferLane.timeout] !== 0) this.#context.pulse.lower(this.#expiresAt, 0);
  }

  #insertPending(): void {
    const { clock, transfersPending, u32 } = this.#context;
    const slot = transfersPending.slot() >>> 2;
    u64.copy(u32, slot + TransferPendingLane.timestamp, clock.result, 0);
    u32[slot + TransferPendingLane.status] = TransferPendingStatus.pending;
    u32[slot + TransferPendingLane.padding] = 0;
    transfersPending.insert();
  }

  /** Composes an account with the amount added to one of its balances. */
  #composeNext(next: Pointer, account: Pointer, balance: number, closes: boolean): void {
    const { u32 } = this.#context;
    const to = next >>> 2;
    const from = account >>> 2;
    for (let lane = 0; lane < ACCOUNT_LANES; lane += 1) u32[to + lane] = u32[from + lane] as number;
    u128.add(u32, to + balance, u32, from + balance, this.#amount, 0);
    const codeAndFlags = u32[from + AccountLane.codeAndFlags] as number;
    if (closes) u32[to + AccountLane.codeAndFlags] = codeAndFlags | CLOSED_BIT;
  }
}
