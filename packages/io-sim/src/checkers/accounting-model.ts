/**
 * A ledger in plain objects: what the accounting state machine must answer (spec 02 §10 to §18), written for the reader and
 * without regard for speed. It shares nothing with the state machine but the records.
 *
 * It does not know imported events, balancing and closing transfers; workloads that it checks make none.
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import {
  Account,
  ACCOUNT_SIZE_BYTES,
  AccountFilter,
  AccountFilterFlags,
  AccountFlags,
  AccountingOperation,
  CreateAccountStatus,
  CreateResult,
  CreateTransferStatus,
  createTransferStatusTransient,
  QueryFilter,
  QueryFilterFlags,
  Transfer,
  TRANSFER_SIZE_BYTES,
  TransferFlags,
} from "@stagbeetle/state-machine";
import { MultiBatchDecoder, MultiBatchEncoder, Operation } from "@stagbeetle/vsr-protocol";

import type { Model, ModelOperation } from "./model.ts";

const CREATE_RESULT_SIZE_BYTES = 16;
const ID_SIZE_BYTES = 16;
const FILTER_SIZE_BYTES = 128;
const QUERY_FILTER_SIZE_BYTES = 64;
const U128_MAX = (1n << 128n) - 1n;
const SECOND_NS = 1_000_000_000n;

const { debits_must_not_exceed_credits: DEBITS_LIMITED, credits_must_not_exceed_debits: CREDITS_LIMITED } =
  AccountFlags;

/** An account as the model keeps it. */
export interface ModelAccount {
  readonly id: bigint;
  readonly userData128: bigint;
  readonly userData64: bigint;
  readonly userData32: number;
  readonly ledger: number;
  readonly code: number;
  readonly flags: number;
  readonly timestamp: bigint;
  debitsPending: bigint;
  debitsPosted: bigint;
  creditsPending: bigint;
  creditsPosted: bigint;
}

/** What became of a pending transfer. */
export type PendingStatus = "pending" | "posted" | "voided" | "expired";

/** A transfer as the model keeps it. */
export interface ModelTransfer {
  readonly id: bigint;
  readonly debitAccountId: bigint;
  readonly creditAccountId: bigint;
  readonly amount: bigint;
  readonly pendingId: bigint;
  readonly userData128: bigint;
  readonly userData64: bigint;
  readonly userData32: number;
  readonly timeout: number;
  readonly ledger: number;
  readonly code: number;
  readonly flags: number;
  readonly timestamp: bigint;
}

/** The size of an account or a transfer as an event of a create. */
const EVENT_SIZE_BYTES = 128;

/** Statuses of accounts and of transfers are numbers of their own. */
type Result = { readonly status: number; readonly timestamp: bigint };

type CreateEvent = (event: Uint8Array, timestamp: bigint) => Result;

/** How the model is bounded: as the state machine that it checks. */
export interface AccountingModelOptions {
  /** What fits into a reply. */
  readonly messageBodySizeMax: number;
  /** How many transfers a pulse expires at most. */
  readonly expireMax: number;
}

/** Accounts and transfers by the rules. */
export class AccountingModel implements Model {
  /** In the order of their creation. */
  readonly accounts: Map<bigint, ModelAccount> = new Map();
  /** In the order of their creation. */
  readonly transfers: Map<bigint, ModelTransfer> = new Map();
  /** Of pending transfers, by id. */
  readonly pending: Map<bigint, PendingStatus> = new Map();
  /** Ids that failed for a reason that may pass, and can never be used again. */
  readonly burnt: Set<bigint> = new Set();
  readonly #options: AccountingModelOptions;
  readonly #decoder = new MultiBatchDecoder();
  readonly #encoder = new MultiBatchEncoder();
  #undo: (() => void)[] | null = null;

  constructor(options: AccountingModelOptions) {
    this.#options = options;
  }

  execute({ operation, timestamp, body }: ModelOperation): Uint8Array {
    switch (operation) {
      case Operation.pulse:
        this.#expire(timestamp);
        return new Uint8Array(0);
      case AccountingOperation.create_accounts:
        return this.#create(body, timestamp, false, (event, at) => this.#createAccount(new Account(event), at));
      case AccountingOperation.create_transfers:
        return this.#create(body, timestamp, true, (event, at) => this.#createTransfer(new Transfer(event), at));
      case AccountingOperation.lookup_accounts:
        return this.#batches(body, ID_SIZE_BYTES, ACCOUNT_SIZE_BYTES, (batch) =>
          idsOf(batch).flatMap((id) => encoded(this.accounts.get(id), encodeAccount)),
        );
      case AccountingOperation.lookup_transfers:
        return this.#batches(body, ID_SIZE_BYTES, TRANSFER_SIZE_BYTES, (batch) =>
          idsOf(batch).flatMap((id) => encoded(this.transfers.get(id), encodeTransfer)),
        );
      case AccountingOperation.get_account_transfers:
        return this.#batches(body, FILTER_SIZE_BYTES, TRANSFER_SIZE_BYTES, (batch) =>
          this.#accountTransfers(new AccountFilter(batch)).map(encodeTransfer),
        );
      case AccountingOperation.query_accounts:
        return this.#batches(body, QUERY_FILTER_SIZE_BYTES, ACCOUNT_SIZE_BYTES, (batch) =>
          this.#query(new QueryFilter(batch), this.accounts, ACCOUNT_SIZE_BYTES).map(encodeAccount),
        );
      case AccountingOperation.query_transfers:
        return this.#batches(body, QUERY_FILTER_SIZE_BYTES, TRANSFER_SIZE_BYTES, (batch) =>
          this.#query(new QueryFilter(batch), this.transfers, TRANSFER_SIZE_BYTES).map(encodeTransfer),
        );
      default:
        assert(false, () => `the model does not know operation ${operation}`);
    }
  }

  /** Executes every batch of a body and encodes the reply. */
  #batches(
    body: Uint8Array,
    eventSizeBytes: number,
    resultSizeBytes: number,
    execute: (batch: Uint8Array) => readonly Uint8Array[],
  ): Uint8Array {
    const invalid = this.#decoder.decode(body, eventSizeBytes);
    assert(invalid === null, () => `a body that is not valid is executed: ${invalid}`);
    const reply = new Uint8Array(this.#options.messageBodySizeMax);
    this.#encoder.begin(reply, resultSizeBytes);
    let at = 0;
    while (this.#decoder.next()) {
      // Records need the alignment that a copy has.
      const results = execute(this.#decoder.batch().slice());
      for (const [index, result] of results.entries()) reply.set(result, at + index * resultSizeBytes);
      const sizeBytes = results.length * resultSizeBytes;
      this.#encoder.add(sizeBytes);
      at += sizeBytes;
    }
    return reply.subarray(0, this.#encoder.finish());
  }

  /** Executes the events of every batch in order, each a nanosecond after the one before it, the last at `timestamp`. */
  #create(body: Uint8Array, timestamp: bigint, burnsIds: boolean, createEvent: CreateEvent): Uint8Array {
    const invalid = this.#decoder.decode(body, EVENT_SIZE_BYTES);
    assert(invalid === null, () => `a body that is not valid is executed: ${invalid}`);
    let next = timestamp - BigInt(this.#decoder.payloadSizeBytes / EVENT_SIZE_BYTES) + 1n;
    return this.#batches(body, EVENT_SIZE_BYTES, CREATE_RESULT_SIZE_BYTES, (batch) => {
      const results = this.#chains(batch, next, burnsIds, createEvent);
      next += BigInt(results.length);
      return results.map(encodeResult);
    });
  }

  /** Spec 02 §10.1. */
  #chains(batch: Uint8Array, firstTimestamp: bigint, burnsIds: boolean, createEvent: CreateEvent): Result[] {
    const { created, linked_event_chain_open, linked_event_failed } = CreateTransferStatus;
    const count = batch.length / EVENT_SIZE_BYTES;
    const results: Result[] = [];
    let chainStart: number | null = null;
    let broken = false;
    for (let index = 0; index < count; index += 1) {
      const event = batch.subarray(index * EVENT_SIZE_BYTES, (index + 1) * EVENT_SIZE_BYTES);
      const timestamp = firstTimestamp + BigInt(index);
      // Accounts and transfers have their id and their flags in the same places.
      const { id, flags } = new Transfer(event);
      const linked = (flags & TransferFlags.linked) !== 0;
      if (linked && chainStart === null) {
        chainStart = index;
        this.#undo = [];
      }
      const open = linked && index === count - 1;
      let result: Result;
      if (open) result = { status: linked_event_chain_open, timestamp };
      else if (broken) result = { status: linked_event_failed, timestamp };
      else result = createEvent(event, timestamp);
      if (result.status !== created) {
        if (chainStart !== null && !broken) {
          broken = true;
          this.#rollBack();
          for (let at = chainStart; at < index; at += 1) {
            results[at] = { timestamp: results[at]?.timestamp ?? 0n, status: linked_event_failed };
          }
        }
        if (burnsIds && createTransferStatusTransient(result.status as CreateTransferStatus)) this.burnt.add(id);
      }
      results.push(result);
      if (chainStart !== null && (!linked || open)) {
        chainStart = null;
        broken = false;
        this.#undo = null;
      }
    }
    return results;
  }

  #rollBack(): void {
    assert(this.#undo !== null, "a chain is rolled back outside of one");
    for (const undo of this.#undo.splice(0).toReversed()) undo();
  }

  /** Spec 02 §11. */
  #createAccount(account: Account, timestamp: bigint): Result {
    const status = this.#accountStatus(account);
    const existing = this.accounts.get(account.id);
    if (status === CreateAccountStatus.exists) return { status, timestamp: existing?.timestamp ?? 0n };
    if (status !== CreateAccountStatus.created) return { status, timestamp };
    const { id, userData128, userData64, userData32, ledger, code, flags } = account;
    const created = { id, userData128, userData64, userData32, ledger, code, flags, timestamp };
    this.accounts.set(id, { ...created, debitsPending: 0n, debitsPosted: 0n, creditsPending: 0n, creditsPosted: 0n });
    this.#undo?.push(() => this.accounts.delete(id));
    return { status, timestamp };
  }

  #accountStatus(account: Account): number {
    const S = CreateAccountStatus;
    assert((account.flags & AccountFlags.imported) === 0, "the model does not know imported accounts");
    if (account.timestamp !== 0n) return S.timestamp_must_be_zero;
    if (account.reserved !== 0) return S.reserved_field;
    if ((account.flags & 0xffc0) !== 0) return S.reserved_flag;
    if (account.id === 0n) return S.id_must_not_be_zero;
    if (account.id === U128_MAX) return S.id_must_not_be_int_max;
    const existing = this.accounts.get(account.id);
    if (existing !== undefined) {
      if (existing.flags !== account.flags) return S.exists_with_different_flags;
      if (existing.userData128 !== account.userData128) return S.exists_with_different_user_data_128;
      if (existing.userData64 !== account.userData64) return S.exists_with_different_user_data_64;
      if (existing.userData32 !== account.userData32) return S.exists_with_different_user_data_32;
      if (existing.ledger !== account.ledger) return S.exists_with_different_ledger;
      if (existing.code !== account.code) return S.exists_with_different_code;
      return S.exists;
    }
    if ((account.flags & DEBITS_LIMITED) !== 0 && (account.flags & CREDITS_LIMITED) !== 0) {
      return S.flags_are_mutually_exclusive;
    }
    if (account.debitsPending !== 0n) return S.debits_pending_must_be_zero;
    if (account.debitsPosted !== 0n) return S.debits_posted_must_be_zero;
    if (account.creditsPending !== 0n) return S.credits_pending_must_be_zero;
    if (account.creditsPosted !== 0n) return S.credits_posted_must_be_zero;
    if (account.ledger === 0) return S.ledger_must_not_be_zero;
    if (account.code === 0) return S.code_must_not_be_zero;
    return S.created;
  }

  /** Spec 02 §12. */
  #createTransfer(transfer: Transfer, timestamp: bigint): Result {
    const S = CreateTransferStatus;
    const { flags } = transfer;
    assert((flags & 0xfff0) === 0, () => `the model does not know transfers with flags ${flags}`);
    if (transfer.timestamp !== 0n) return { status: S.timestamp_must_be_zero, timestamp };
    if (transfer.id === 0n) return { status: S.id_must_not_be_zero, timestamp };
    if (transfer.id === U128_MAX) return { status: S.id_must_not_be_int_max, timestamp };
    const existing = this.transfers.get(transfer.id);
    if (existing !== undefined) {
      const status = this.#existsStatus(transfer, existing);
      return { status, timestamp: status === S.exists ? existing.timestamp : timestamp };
    }
    if (this.burnt.has(transfer.id)) return { status: S.id_already_failed, timestamp };
    if ((flags & (TransferFlags.post_pending_transfer | TransferFlags.void_pending_transfer)) !== 0) {
      return this.#resolvePending(transfer, timestamp);
    }
    const status = this.#transferStatus(transfer, timestamp);
    if (status !== S.created) return { status, timestamp };
    this.#insert({ ...fieldsOf(transfer), timestamp });
    const debit = this.#account(transfer.debitAccountId);
    const credit = this.#account(transfer.creditAccountId);
    if ((flags & TransferFlags.pending) !== 0) {
      this.#move(debit, "debitsPending", transfer.amount);
      this.#move(credit, "creditsPending", transfer.amount);
      this.#setPending(transfer.id, "pending");
    } else {
      this.#move(debit, "debitsPosted", transfer.amount);
      this.#move(credit, "creditsPosted", transfer.amount);
    }
    return { status, timestamp };
  }

  #transferStatus(transfer: Transfer, timestamp: bigint): number {
    const S = CreateTransferStatus;
    const { debitAccountId, creditAccountId, amount, flags, timeout } = transfer;
    const pending = (flags & TransferFlags.pending) !== 0;
    if (debitAccountId === 0n) return S.debit_account_id_must_not_be_zero;
    if (debitAccountId === U128_MAX) return S.debit_account_id_must_not_be_int_max;
    if (creditAccountId === 0n) return S.credit_account_id_must_not_be_zero;
    if (creditAccountId === U128_MAX) return S.credit_account_id_must_not_be_int_max;
    if (debitAccountId === creditAccountId) return S.accounts_must_be_different;
    if (transfer.pendingId !== 0n) return S.pending_id_must_be_zero;
    if (!pending && timeout !== 0) return S.timeout_reserved_for_pending_transfer;
    if (transfer.ledger === 0) return S.ledger_must_not_be_zero;
    if (transfer.code === 0) return S.code_must_not_be_zero;
    const debit = this.accounts.get(debitAccountId);
    if (debit === undefined) return S.debit_account_not_found;
    const credit = this.accounts.get(creditAccountId);
    if (credit === undefined) return S.credit_account_not_found;
    if (debit.ledger !== credit.ledger) return S.accounts_must_have_the_same_ledger;
    if (transfer.ledger !== debit.ledger) return S.transfer_must_have_the_same_ledger_as_accounts;
    assert(amount < 1n << 64n, "the model does not know amounts that overflow");
    assert(timestamp + BigInt(timeout) * SECOND_NS < 1n << 63n, "the model does not know timeouts that overflow");
    const debits = debit.debitsPending + debit.debitsPosted + amount;
    if ((debit.flags & DEBITS_LIMITED) !== 0 && debits > debit.creditsPosted) return S.exceeds_credits;
    const credits = credit.creditsPending + credit.creditsPosted + amount;
    if ((credit.flags & CREDITS_LIMITED) !== 0 && credits > credit.debitsPosted) return S.exceeds_debits;
    return S.created;
  }

  /** Spec 02 §12.2. */
  #existsStatus(transfer: Transfer, existing: ModelTransfer): number {
    const S = CreateTransferStatus;
    if (transfer.flags !== existing.flags) return S.exists_with_different_flags;
    if (transfer.pendingId !== existing.pendingId) return S.exists_with_different_pending_id;
    if (transfer.timeout !== existing.timeout) return S.exists_with_different_timeout;
    if (existing.pendingId !== 0n) return this.#resolutionExistsStatus(transfer, existing);
    if (transfer.debitAccountId !== existing.debitAccountId) return S.exists_with_different_debit_account_id;
    if (transfer.creditAccountId !== existing.creditAccountId) return S.exists_with_different_credit_account_id;
    if (transfer.amount !== existing.amount) return S.exists_with_different_amount;
    if (transfer.userData128 !== existing.userData128) return S.exists_with_different_user_data_128;
    if (transfer.userData64 !== existing.userData64) return S.exists_with_different_user_data_64;
    if (transfer.userData32 !== existing.userData32) return S.exists_with_different_user_data_32;
    if (transfer.ledger !== existing.ledger) return S.exists_with_different_ledger;
    if (transfer.code !== existing.code) return S.exists_with_different_code;
    return S.exists;
  }

  /** Spec 02 §13.3, for requests that give the amount and no user data, as the workloads do. */
  #resolutionExistsStatus(transfer: Transfer, existing: ModelTransfer): number {
    const S = CreateTransferStatus;
    const differs = (asked: bigint | number, is: bigint | number): boolean => BigInt(asked) !== 0n && asked !== is;
    if (differs(transfer.debitAccountId, existing.debitAccountId)) return S.exists_with_different_debit_account_id;
    if (differs(transfer.creditAccountId, existing.creditAccountId)) return S.exists_with_different_credit_account_id;
    assert(
      transfer.amount !== 0n && transfer.amount !== U128_MAX,
      "the model does not know amounts that are left open",
    );
    if (transfer.amount !== existing.amount) return S.exists_with_different_amount;
    if (differs(transfer.ledger, existing.ledger)) return S.exists_with_different_ledger;
    if (differs(transfer.code, existing.code)) return S.exists_with_different_code;
    return S.exists;
  }

  /** Spec 02 §13. */
  #resolvePending(transfer: Transfer, timestamp: bigint): Result {
    const S = CreateTransferStatus;
    const status = this.#resolutionStatus(transfer, timestamp);
    if (status !== S.created) return { status, timestamp };
    const posts = (transfer.flags & TransferFlags.post_pending_transfer) !== 0;
    const pending = this.#transfer(transfer.pendingId);
    this.#insert({
      ...fieldsOf(transfer),
      debitAccountId: pending.debitAccountId,
      creditAccountId: pending.creditAccountId,
      ledger: pending.ledger,
      code: pending.code,
      userData128: transfer.userData128 === 0n ? pending.userData128 : transfer.userData128,
      userData64: transfer.userData64 === 0n ? pending.userData64 : transfer.userData64,
      userData32: transfer.userData32 === 0 ? pending.userData32 : transfer.userData32,
      timestamp,
    });
    const debit = this.#account(pending.debitAccountId);
    const credit = this.#account(pending.creditAccountId);
    this.#move(debit, "debitsPending", -pending.amount);
    this.#move(credit, "creditsPending", -pending.amount);
    if (posts) {
      this.#move(debit, "debitsPosted", transfer.amount);
      this.#move(credit, "creditsPosted", transfer.amount);
    }
    this.#setPending(pending.id, posts ? "posted" : "voided");
    return { status, timestamp };
  }

  #resolutionStatus(transfer: Transfer, timestamp: bigint): number {
    const S = CreateTransferStatus;
    const { flags, pendingId, amount } = transfer;
    const both = TransferFlags.post_pending_transfer | TransferFlags.void_pending_transfer;
    if ((flags & both) === both || (flags & TransferFlags.pending) !== 0) return S.flags_are_mutually_exclusive;
    if (pendingId === 0n) return S.pending_id_must_not_be_zero;
    if (pendingId === U128_MAX) return S.pending_id_must_not_be_int_max;
    if (pendingId === transfer.id) return S.pending_id_must_be_different;
    if (transfer.timeout !== 0) return S.timeout_reserved_for_pending_transfer;
    const pending = this.transfers.get(pendingId);
    if (pending === undefined) return S.pending_transfer_not_found;
    if ((pending.flags & TransferFlags.pending) === 0) return S.pending_transfer_not_pending;
    const differs = (asked: bigint | number, is: bigint | number): boolean => BigInt(asked) !== 0n && asked !== is;
    if (differs(transfer.debitAccountId, pending.debitAccountId)) {
      return S.pending_transfer_has_different_debit_account_id;
    }
    if (differs(transfer.creditAccountId, pending.creditAccountId)) {
      return S.pending_transfer_has_different_credit_account_id;
    }
    if (differs(transfer.ledger, pending.ledger)) return S.pending_transfer_has_different_ledger;
    if (differs(transfer.code, pending.code)) return S.pending_transfer_has_different_code;
    assert(amount !== 0n && amount !== U128_MAX, "the model does not know amounts that are left open");
    if (amount > pending.amount) return S.exceeds_pending_transfer_amount;
    const voids = (flags & TransferFlags.void_pending_transfer) !== 0;
    if (voids && amount < pending.amount) return S.pending_transfer_has_different_amount;
    const status = this.pending.get(pendingId);
    if (status === "posted") return S.pending_transfer_already_posted;
    if (status === "voided") return S.pending_transfer_already_voided;
    if (status === "expired") return S.pending_transfer_expired;
    if (pending.timeout !== 0 && expiresAt(pending) <= timestamp) return S.pending_transfer_expired;
    return S.created;
  }

  /** Spec 02 §18. */
  #expire(timestamp: bigint): void {
    const due = [...this.pending]
      .filter(([, status]) => status === "pending")
      .map(([id]) => this.#transfer(id))
      .filter((transfer) => transfer.timeout !== 0 && expiresAt(transfer) <= timestamp)
      .toSorted((a, b) => compare(expiresAt(a), expiresAt(b)) || compare(a.timestamp, b.timestamp))
      .slice(0, this.#options.expireMax);
    for (const transfer of due) {
      this.#account(transfer.debitAccountId).debitsPending -= transfer.amount;
      this.#account(transfer.creditAccountId).creditsPending -= transfer.amount;
      this.pending.set(transfer.id, "expired");
    }
  }

  #insert(transfer: ModelTransfer): void {
    this.transfers.set(transfer.id, transfer);
    this.#undo?.push(() => this.transfers.delete(transfer.id));
  }

  #setPending(id: bigint, status: PendingStatus): void {
    const before = this.pending.get(id);
    this.pending.set(id, status);
    this.#undo?.push(() => (before === undefined ? this.pending.delete(id) : this.pending.set(id, before)));
  }

  #move(
    account: ModelAccount,
    balance: "debitsPending" | "debitsPosted" | "creditsPending" | "creditsPosted",
    amount: bigint,
  ): void {
    account[balance] += amount;
    assert(account[balance] >= 0n, () => `account ${account.id} has ${balance} of ${account[balance]}`);
    this.#undo?.push(() => (account[balance] -= amount));
  }

  #account(id: bigint): ModelAccount {
    const account = this.accounts.get(id);
    assert(account !== undefined, () => `account ${id} does not exist`);
    return account;
  }

  #transfer(id: bigint): ModelTransfer {
    const transfer = this.transfers.get(id);
    assert(transfer !== undefined, () => `transfer ${id} does not exist`);
    return transfer;
  }

  /** Spec 02 §16.3, for valid filters. */
  #accountTransfers(filter: AccountFilter): ModelTransfer[] {
    const debits = (filter.flags & AccountFilterFlags.debits) !== 0;
    const credits = (filter.flags & AccountFilterFlags.credits) !== 0;
    const found = [...this.transfers.values()].filter(
      (transfer) =>
        ((debits && transfer.debitAccountId === filter.accountId) ||
          (credits && transfer.creditAccountId === filter.accountId)) &&
        fieldsMatch(filter, transfer),
    );
    return this.#page(found, (filter.flags & AccountFilterFlags.reversed) !== 0, filter.limit, TRANSFER_SIZE_BYTES);
  }

  /** Spec 02 §16.5, for valid filters. */
  #query<Found extends ModelAccount | ModelTransfer>(
    filter: QueryFilter,
    objects: ReadonlyMap<bigint, Found>,
    sizeBytes: number,
  ): Found[] {
    const found = [...objects.values()].filter(
      (object) => (filter.ledger === 0 || object.ledger === filter.ledger) && fieldsMatch(filter, object),
    );
    return this.#page(found, (filter.flags & QueryFilterFlags.reversed) !== 0, filter.limit, sizeBytes);
  }

  #page<Found>(found: Found[], reversed: boolean, limit: number, sizeBytes: number): Found[] {
    // One element's room goes to the trailer.
    const resultMax = Math.floor((this.#options.messageBodySizeMax - sizeBytes) / sizeBytes);
    return (reversed ? found.toReversed() : found).slice(0, Math.min(limit, resultMax));
  }
}

function compare(a: bigint, b: bigint): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

function expiresAt({ timestamp, timeout }: ModelTransfer): bigint {
  return timestamp + BigInt(timeout) * SECOND_NS;
}

function fieldsMatch(
  filter: Pick<QueryFilter, "userData128" | "userData64" | "userData32" | "code" | "timestampMin" | "timestampMax">,
  object: ModelAccount | ModelTransfer,
): boolean {
  return (
    (filter.userData128 === 0n || filter.userData128 === object.userData128) &&
    (filter.userData64 === 0n || filter.userData64 === object.userData64) &&
    (filter.userData32 === 0 || filter.userData32 === object.userData32) &&
    (filter.code === 0 || filter.code === object.code) &&
    (filter.timestampMin === 0n || object.timestamp >= filter.timestampMin) &&
    (filter.timestampMax === 0n || object.timestamp <= filter.timestampMax)
  );
}

function fieldsOf(transfer: Transfer): ModelTransfer {
  const { id, debitAccountId, creditAccountId, amount, pendingId, userData128, userData64, userData32 } = transfer;
  const { timeout, ledger, code, flags, timestamp } = transfer;
  const parties = { id, debitAccountId, creditAccountId, amount, pendingId };
  return { ...parties, userData128, userData64, userData32, timeout, ledger, code, flags, timestamp };
}

function idsOf(batch: Uint8Array): bigint[] {
  const view = new DataView(batch.buffer, batch.byteOffset, batch.length);
  return Array.from(
    { length: batch.length / ID_SIZE_BYTES },
    (_, index) =>
      view.getBigUint64(index * ID_SIZE_BYTES, true) | (view.getBigUint64(index * ID_SIZE_BYTES + 8, true) << 64n),
  );
}

function encoded<Found>(found: Found | undefined, encode: (found: Found) => Uint8Array): Uint8Array[] {
  return found === undefined ? [] : [encode(found)];
}

function encodeResult({ status, timestamp }: Result): Uint8Array {
  const bytes = new Uint8Array(CREATE_RESULT_SIZE_BYTES);
  Object.assign(new CreateResult(bytes), { status, timestamp });
  return bytes;
}

/** The 128 bytes of an account as replies have them. */
export function encodeAccount(account: ModelAccount): Uint8Array {
  const bytes = new Uint8Array(ACCOUNT_SIZE_BYTES);
  Object.assign(new Account(bytes), account);
  return bytes;
}

/** The 128 bytes of a transfer as replies have them. */
export function encodeTransfer(transfer: ModelTransfer): Uint8Array {
  const bytes = new Uint8Array(TRANSFER_SIZE_BYTES);
  Object.assign(new Transfer(bytes), transfer);
  return bytes;
}
