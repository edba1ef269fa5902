/**
 * The accounting rules of spec 02, written as plainly as possible: objects, bigint, maps, and copies of everything for
 * chains. What the real machine is compared with.
 */
import {
  AccountFlags as AF,
  type CreateAccountStatus,
  type CreateTransferStatus,
  TIMESTAMP_MAX,
  TransferFlags as TF,
} from "../src/index.ts";
import { U128_MAX } from "../src/lanes/u128.ts";

export interface AccountModel {
  id: bigint;
  debitsPending: bigint;
  debitsPosted: bigint;
  creditsPending: bigint;
  creditsPosted: bigint;
  userData128: bigint;
  userData64: bigint;
  userData32: number;
  reserved: number;
  ledger: number;
  code: number;
  flags: number;
  timestamp: bigint;
}

export interface TransferModel {
  id: bigint;
  debitAccountId: bigint;
  creditAccountId: bigint;
  amount: bigint;
  pendingId: bigint;
  userData128: bigint;
  userData64: bigint;
  userData32: number;
  timeout: number;
  ledger: number;
  code: number;
  flags: number;
  timestamp: bigint;
}

export type PendingState = "pending" | "posted" | "voided" | "expired";

/** An account event: the accounts as they were after it. */
export interface EventModel {
  timestamp: bigint;
  dr: AccountModel;
  cr: AccountModel;
  /** The transfer that happened; for an expiry the pending one. */
  transferId: bigint;
  amount: bigint;
  type: "none" | PendingState;
}

type AccountStatus = keyof typeof CreateAccountStatus;
type TransferStatus = keyof typeof CreateTransferStatus;
export type Result<Status> = [timestamp: bigint, status: Status];

interface Tables {
  accounts: Map<bigint, AccountModel>;
  transfers: Map<bigint, TransferModel | "burnt">;
  pending: Map<bigint, PendingState>;
  events: Map<bigint, EventModel>;
}

const TRANSIENT: ReadonlySet<string> = new Set([
  "debit_account_not_found",
  "credit_account_not_found",
  "pending_transfer_not_found",
  "debit_account_already_closed",
  "credit_account_already_closed",
  "exceeds_credits",
  "exceeds_debits",
]);

const has = (flags: number, bits: number): boolean => (flags & bits) !== 0;
const max = (values: Iterable<bigint>): bigint => [...values].reduce((a, b) => (a > b ? a : b), 0n);

export function expiresAt(transfer: TransferModel): bigint {
  return transfer.timestamp + BigInt(transfer.timeout) * 1_000_000_000n;
}

/** All state, and the operations on it. */
export class Model {
  tables: Tables = { accounts: new Map(), transfers: new Map(), pending: new Map(), events: new Map() };

  get transfers(): TransferModel[] {
    return [...this.tables.transfers.values()]
      .filter((transfer) => transfer !== "burnt")
      .toSorted((a, b) => (a.timestamp < b.timestamp ? -1 : 1));
  }

  get accounts(): AccountModel[] {
    return [...this.tables.accounts.values()].toSorted((a, b) => (a.timestamp < b.timestamp ? -1 : 1));
  }

  get events(): EventModel[] {
    return [...this.tables.events.values()].toSorted((a, b) => (a.timestamp < b.timestamp ? -1 : 1));
  }

  /** The pending transfers that have a timeout and are not resolved, by their time. */
  get expiring(): TransferModel[] {
    return this.transfers
      .filter((transfer) => transfer.timeout > 0 && this.tables.pending.get(transfer.timestamp) === "pending")
      .toSorted((a, b) => Number(expiresAt(a) - expiresAt(b)) || Number(a.timestamp - b.timestamp));
  }

  createAccounts(events: readonly AccountModel[], timestamp: bigint): Result<AccountStatus>[] {
    return this.#batch(events, timestamp, AF.imported, (event, ts) => this.#createAccount(event, ts), false);
  }

  createTransfers(events: readonly TransferModel[], timestamp: bigint): Result<TransferStatus>[] {
    return this.#batch(events, timestamp, TF.imported, (event, ts) => this.#createTransfer(event, ts), true);
  }

  /** §10.1 and §10.4. */
  #batch<Event extends { id: bigint; flags: number; timestamp: bigint }, Status extends string>(
    events: readonly Event[],
    timestamp: bigint,
    importedFlag: number,
    create: (event: Event, ts: bigint) => Result<Status>,
    burns: boolean,
  ): Result<Status>[] {
    const results: Result<string>[] = [];
    let chain: { start: number; saved: Tables; broken: boolean } | null = null;
    for (const [index, event] of events.entries()) {
      const ts = timestamp - BigInt(events.length) + BigInt(index) + 1n;
      const linked = has(event.flags, TF.linked);
      if (linked && chain === null) chain = { start: index, saved: this.#copy(), broken: false };
      const result = ((): Result<string> => {
        if (linked && index === events.length - 1) return [ts, "linked_event_chain_open"];
        if (chain?.broken === true) return [ts, "linked_event_failed"];
        const imported = has(event.flags, importedFlag);
        if (imported !== has(events[0]?.flags ?? 0, importedFlag)) {
          return [ts, imported ? "imported_event_not_expected" : "imported_event_expected"];
        }
        if (imported) {
          if (event.timestamp < 1n || event.timestamp > TIMESTAMP_MAX)
            return [ts, "imported_event_timestamp_out_of_range"];
          if (event.timestamp >= timestamp) return [ts, "imported_event_timestamp_must_not_advance"];
        } else if (event.timestamp !== 0n) return [ts, "timestamp_must_be_zero"];
        return create(event, ts);
      })();
      results.push(result);
      if (result[1] !== "created") {
        if (chain !== null && !chain.broken) {
          chain.broken = true;
          this.tables = chain.saved;
          for (const before of results.slice(chain.start, index)) before[1] = "linked_event_failed";
        }
        if (burns && TRANSIENT.has(result[1])) this.tables.transfers.set(event.id, "burnt");
      }
      if (!linked || result[1] === "linked_event_chain_open") chain = null;
    }
    return results as Result<Status>[];
  }

  #copy(): Tables {
    const { accounts, transfers, pending, events } = this.tables;
    return {
      accounts: new Map(accounts),
      transfers: new Map(transfers),
      pending: new Map(pending),
      events: new Map(events),
    };
  }

  /** §11. */
  #createAccount(a: AccountModel, ts: bigint): Result<AccountStatus> {
    const fail = (status: AccountStatus): Result<AccountStatus> => [ts, status];
    if (a.reserved !== 0) return fail("reserved_field");
    if (a.flags >= 64) return fail("reserved_flag");
    if (a.id === 0n) return fail("id_must_not_be_zero");
    if (a.id === U128_MAX) return fail("id_must_not_be_int_max");
    const e = this.tables.accounts.get(a.id);
    if (e !== undefined) {
      if (a.flags !== e.flags) return fail("exists_with_different_flags");
      if (a.userData128 !== e.userData128) return fail("exists_with_different_user_data_128");
      if (a.userData64 !== e.userData64) return fail("exists_with_different_user_data_64");
      if (a.userData32 !== e.userData32) return fail("exists_with_different_user_data_32");
      if (a.ledger !== e.ledger) return fail("exists_with_different_ledger");
      if (a.code !== e.code) return fail("exists_with_different_code");
      return [e.timestamp, "exists"];
    }
    if (has(a.flags, AF.debits_must_not_exceed_credits) && has(a.flags, AF.credits_must_not_exceed_debits)) {
      return fail("flags_are_mutually_exclusive");
    }
    if (a.debitsPending !== 0n) return fail("debits_pending_must_be_zero");
    if (a.debitsPosted !== 0n) return fail("debits_posted_must_be_zero");
    if (a.creditsPending !== 0n) return fail("credits_pending_must_be_zero");
    if (a.creditsPosted !== 0n) return fail("credits_posted_must_be_zero");
    if (a.ledger === 0) return fail("ledger_must_not_be_zero");
    if (a.code === 0) return fail("code_must_not_be_zero");
    const imported = has(a.flags, AF.imported);
    if (imported) {
      const newest = max(this.accounts.map(({ timestamp }) => timestamp));
      const taken = this.transfers.some(({ timestamp }) => timestamp === a.timestamp);
      if (a.timestamp <= newest || taken) return fail("imported_event_timestamp_must_not_regress");
    }
    const s = imported ? a.timestamp : ts;
    this.tables.accounts.set(a.id, { ...a, timestamp: s });
    return [s, "created"];
  }

  /** §12. */
  #createTransfer(t: TransferModel, ts: bigint): Result<TransferStatus> {
    const fail = (status: TransferStatus): Result<TransferStatus> => [ts, status];
    if (t.flags >= 512) return fail("reserved_flag");
    if (t.id === 0n) return fail("id_must_not_be_zero");
    if (t.id === U128_MAX) return fail("id_must_not_be_int_max");
    const e = this.tables.transfers.get(t.id);
    if (e === "burnt") return fail("id_already_failed");
    if (e !== undefined) return this.#transferExists(t, e, ts);
    if (has(t.flags, TF.post_pending_transfer | TF.void_pending_transfer)) return this.#resolve(t, ts);
    if (t.debitAccountId === 0n) return fail("debit_account_id_must_not_be_zero");
    if (t.debitAccountId === U128_MAX) return fail("debit_account_id_must_not_be_int_max");
    if (t.creditAccountId === 0n) return fail("credit_account_id_must_not_be_zero");
    if (t.creditAccountId === U128_MAX) return fail("credit_account_id_must_not_be_int_max");
    if (t.debitAccountId === t.creditAccountId) return fail("accounts_must_be_different");
    if (t.pendingId !== 0n) return fail("pending_id_must_be_zero");
    const pending = has(t.flags, TF.pending);
    if (!pending && t.timeout !== 0) return fail("timeout_reserved_for_pending_transfer");
    if (!pending && has(t.flags, TF.closing_debit | TF.closing_credit)) return fail("closing_transfer_must_be_pending");
    if (t.ledger === 0) return fail("ledger_must_not_be_zero");
    if (t.code === 0) return fail("code_must_not_be_zero");
    const dr = this.tables.accounts.get(t.debitAccountId);
    if (dr === undefined) return fail("debit_account_not_found");
    const cr = this.tables.accounts.get(t.creditAccountId);
    if (cr === undefined) return fail("credit_account_not_found");
    if (dr.ledger !== cr.ledger) return fail("accounts_must_have_the_same_ledger");
    if (t.ledger !== dr.ledger) return fail("transfer_must_have_the_same_ledger_as_accounts");
    const imported = has(t.flags, TF.imported);
    if (imported) {
      if (this.#regresses(t)) return fail("imported_event_timestamp_must_not_regress");
      if (t.timestamp <= dr.timestamp) return fail("imported_event_timestamp_must_postdate_debit_account");
      if (t.timestamp <= cr.timestamp) return fail("imported_event_timestamp_must_postdate_credit_account");
      if (t.timeout !== 0) return fail("imported_event_timeout_must_be_zero");
    }
    if (has(dr.flags, AF.closed)) return fail("debit_account_already_closed");
    if (has(cr.flags, AF.closed)) return fail("credit_account_already_closed");

    const atLeastZero = (value: bigint): bigint => (value < 0n ? 0n : value);
    const bounds = [t.amount];
    if (has(t.flags, TF.balancing_debit))
      bounds.push(atLeastZero(dr.creditsPosted - dr.debitsPosted - dr.debitsPending));
    if (has(t.flags, TF.balancing_credit))
      bounds.push(atLeastZero(cr.debitsPosted - cr.creditsPosted - cr.creditsPending));
    const amount = bounds.reduce((a, b) => (a < b ? a : b));

    if (pending && dr.debitsPending + amount > U128_MAX) return fail("overflows_debits_pending");
    if (pending && cr.creditsPending + amount > U128_MAX) return fail("overflows_credits_pending");
    if (dr.debitsPosted + amount > U128_MAX) return fail("overflows_debits_posted");
    if (cr.creditsPosted + amount > U128_MAX) return fail("overflows_credits_posted");
    if (dr.debitsPending + dr.debitsPosted + amount > U128_MAX) return fail("overflows_debits");
    if (cr.creditsPending + cr.creditsPosted + amount > U128_MAX) return fail("overflows_credits");
    const s = imported ? t.timestamp : ts;
    if (s + BigInt(t.timeout) * 1_000_000_000n > TIMESTAMP_MAX) return fail("overflows_timeout");
    const debits = dr.debitsPending + dr.debitsPosted + amount;
    const credits = cr.creditsPending + cr.creditsPosted + amount;
    if (has(dr.flags, AF.debits_must_not_exceed_credits) && debits > dr.creditsPosted) return fail("exceeds_credits");
    if (has(cr.flags, AF.credits_must_not_exceed_debits) && credits > cr.debitsPosted) return fail("exceeds_debits");

    this.tables.transfers.set(t.id, { ...t, amount, timestamp: s });
    if (pending) this.tables.pending.set(s, "pending");
    const drNext = { ...dr, flags: dr.flags | (has(t.flags, TF.closing_debit) ? AF.closed : 0) };
    const crNext = { ...cr, flags: cr.flags | (has(t.flags, TF.closing_credit) ? AF.closed : 0) };
    if (pending) {
      drNext.debitsPending += amount;
      crNext.creditsPending += amount;
    } else {
      drNext.debitsPosted += amount;
      crNext.creditsPosted += amount;
    }
    this.#changed(drNext, crNext, { timestamp: s, transferId: t.id, amount, type: pending ? "pending" : "none" });
    return [s, "created"];
  }

  #regresses(t: TransferModel): boolean {
    const newest = max(this.transfers.map(({ timestamp }) => timestamp));
    const taken = this.accounts.some(({ timestamp }) => timestamp === t.timestamp);
    return t.timestamp <= newest || taken || this.tables.events.has(t.timestamp);
  }

  #changed(dr: AccountModel, cr: AccountModel, event: Omit<EventModel, "dr" | "cr">): void {
    this.tables.accounts.set(dr.id, dr);
    this.tables.accounts.set(cr.id, cr);
    this.tables.events.set(event.timestamp, { ...event, dr, cr });
  }

  /** §12.2 and §13.3. */
  #transferExists(t: TransferModel, e: TransferModel, ts: bigint): Result<TransferStatus> {
    const fail = (status: TransferStatus): Result<TransferStatus> => [ts, status];
    if (t.flags !== e.flags) return fail("exists_with_different_flags");
    if (t.pendingId !== e.pendingId) return fail("exists_with_different_pending_id");
    if (t.timeout !== e.timeout) return fail("exists_with_different_timeout");
    const p = this.tables.transfers.get(e.pendingId);
    const resolution = has(t.flags, TF.post_pending_transfer | TF.void_pending_transfer);
    if (resolution && p !== undefined && p !== "burnt") {
      if (t.debitAccountId !== 0n && t.debitAccountId !== e.debitAccountId)
        return fail("exists_with_different_debit_account_id");
      if (t.creditAccountId !== 0n && t.creditAccountId !== e.creditAccountId)
        return fail("exists_with_different_credit_account_id");
      const whole = has(t.flags, TF.void_pending_transfer) ? 0n : U128_MAX;
      if (e.amount !== (t.amount === whole ? p.amount : t.amount)) return fail("exists_with_different_amount");
      if (e.userData128 !== (t.userData128 || p.userData128)) return fail("exists_with_different_user_data_128");
      if (e.userData64 !== (t.userData64 || p.userData64)) return fail("exists_with_different_user_data_64");
      if (e.userData32 !== (t.userData32 || p.userData32)) return fail("exists_with_different_user_data_32");
      if (t.ledger !== 0 && t.ledger !== e.ledger) return fail("exists_with_different_ledger");
      if (t.code !== 0 && t.code !== e.code) return fail("exists_with_different_code");
      return [e.timestamp, "exists"];
    }
    if (t.debitAccountId !== e.debitAccountId) return fail("exists_with_different_debit_account_id");
    if (t.creditAccountId !== e.creditAccountId) return fail("exists_with_different_credit_account_id");
    const balancing = has(t.flags, TF.balancing_debit | TF.balancing_credit);
    if (balancing ? t.amount < e.amount : t.amount !== e.amount) return fail("exists_with_different_amount");
    if (t.userData128 !== e.userData128) return fail("exists_with_different_user_data_128");
    if (t.userData64 !== e.userData64) return fail("exists_with_different_user_data_64");
    if (t.userData32 !== e.userData32) return fail("exists_with_different_user_data_32");
    if (t.ledger !== e.ledger) return fail("exists_with_different_ledger");
    if (t.code !== e.code) return fail("exists_with_different_code");
    return [e.timestamp, "exists"];
  }

  /** §13. */
  #resolve(t: TransferModel, ts: bigint): Result<TransferStatus> {
    const fail = (status: TransferStatus): Result<TransferStatus> => [ts, status];
    const isPost = has(t.flags, TF.post_pending_transfer);
    const isVoid = has(t.flags, TF.void_pending_transfer);
    const excluded = TF.pending | TF.balancing_debit | TF.balancing_credit | TF.closing_debit | TF.closing_credit;
    if ((isPost && isVoid) || has(t.flags, excluded)) return fail("flags_are_mutually_exclusive");
    if (t.pendingId === 0n) return fail("pending_id_must_not_be_zero");
    if (t.pendingId === U128_MAX) return fail("pending_id_must_not_be_int_max");
    if (t.pendingId === t.id) return fail("pending_id_must_be_different");
    if (t.timeout !== 0) return fail("timeout_reserved_for_pending_transfer");
    const p = this.tables.transfers.get(t.pendingId);
    if (p === undefined || p === "burnt") return fail("pending_transfer_not_found");
    if (!has(p.flags, TF.pending)) return fail("pending_transfer_not_pending");
    if (t.debitAccountId !== 0n && t.debitAccountId !== p.debitAccountId)
      return fail("pending_transfer_has_different_debit_account_id");
    if (t.creditAccountId !== 0n && t.creditAccountId !== p.creditAccountId)
      return fail("pending_transfer_has_different_credit_account_id");
    if (t.ledger !== 0 && t.ledger !== p.ledger) return fail("pending_transfer_has_different_ledger");
    if (t.code !== 0 && t.code !== p.code) return fail("pending_transfer_has_different_code");
    const amount = t.amount === (isVoid ? 0n : U128_MAX) ? p.amount : t.amount;
    if (amount > p.amount) return fail("exceeds_pending_transfer_amount");
    if (isVoid && amount < p.amount) return fail("pending_transfer_has_different_amount");
    const state = this.tables.pending.get(p.timestamp);
    if (state === "posted") return fail("pending_transfer_already_posted");
    if (state === "voided") return fail("pending_transfer_already_voided");
    if (state === "expired" || (p.timeout !== 0 && expiresAt(p) <= ts)) return fail("pending_transfer_expired");
    const imported = has(t.flags, TF.imported);
    if (imported && this.#regresses(t)) return fail("imported_event_timestamp_must_not_regress");
    const { dr, cr } = this.#accountsOf(p);
    if (isPost && has(dr.flags, AF.closed)) return fail("debit_account_already_closed");
    if (isPost && has(cr.flags, AF.closed)) return fail("credit_account_already_closed");

    const s = imported ? t.timestamp : ts;
    const { id, pendingId, flags } = t;
    this.tables.transfers.set(id, {
      ...p,
      id,
      pendingId,
      flags,
      userData128: t.userData128 || p.userData128,
      userData64: t.userData64 || p.userData64,
      userData32: t.userData32 || p.userData32,
      timeout: 0,
      amount,
      timestamp: s,
    });
    this.tables.pending.set(p.timestamp, isPost ? "posted" : "voided");
    const released = this.#release(p, dr, cr, isVoid);
    if (isPost) {
      released.dr.debitsPosted += amount;
      released.cr.creditsPosted += amount;
    }
    this.#changed(released.dr, released.cr, {
      timestamp: s,
      transferId: id,
      amount,
      type: isPost ? "posted" : "voided",
    });
    return [s, "created"];
  }

  #accountsOf(p: TransferModel): { dr: AccountModel; cr: AccountModel } {
    const dr = this.tables.accounts.get(p.debitAccountId);
    const cr = this.tables.accounts.get(p.creditAccountId);
    if (dr === undefined || cr === undefined) throw new Error("a transfer without accounts");
    return { dr, cr };
  }

  #release(
    p: TransferModel,
    dr: AccountModel,
    cr: AccountModel,
    reopens: boolean,
  ): { dr: AccountModel; cr: AccountModel } {
    const opened = (account: AccountModel, closing: number): number =>
      reopens && has(p.flags, closing) ? account.flags & ~AF.closed : account.flags;
    return {
      dr: { ...dr, debitsPending: dr.debitsPending - p.amount, flags: opened(dr, TF.closing_debit) },
      cr: { ...cr, creditsPending: cr.creditsPending - p.amount, flags: opened(cr, TF.closing_credit) },
    };
  }

  /** §18: expires at most `limit` transfers. */
  pulse(timestamp: bigint, limit: number): void {
    const due = this.expiring.filter((transfer) => expiresAt(transfer) <= timestamp).slice(0, limit);
    for (const [index, p] of due.entries()) {
      const { dr, cr } = this.#accountsOf(p);
      const released = this.#release(p, dr, cr, true);
      this.tables.pending.set(p.timestamp, "expired");
      const ts = timestamp - BigInt(due.length) + BigInt(index) + 1n;
      this.#changed(released.dr, released.cr, { timestamp: ts, transferId: p.id, amount: p.amount, type: "expired" });
    }
  }
}
