/**
 * What the auditor knows of the ledger: the balances of every account, the pending transfers, and counts of everything
 * that queries can ask for (spec 07 §15.7).
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import type { Random } from "@stagbeetle/vsr-protocol";
import { Account, AccountFlags } from "../accounting/account.ts";
import { ChangeEventType } from "../accounting/results.ts";
import { type Transfer, TransferFlags } from "../accounting/transfer.ts";
import { ChangeTracker } from "./change-tracker.ts";
import type { WorkloadOptions } from "./options.ts";
import { idOfIndex, indexOfId } from "./permutation.ts";

/** How many objects there are of one kind, and when the first and the last were created. */
export interface Extent {
  count: number;
  timestampMin: bigint;
  timestampMax: bigint;
}

function emptyExtent(): Extent {
  return { count: 0, timestampMin: 0n, timestampMax: 0n };
}

function extend(extent: Extent, timestamp: bigint): void {
  if (extent.count === 0) extent.timestampMin = timestamp;
  extent.count += 1;
  extent.timestampMax = timestamp;
}

/** One combination of fields that queries ask for. Accounts and transfers have one each. */
export interface Intersection {
  readonly userData64: bigint;
  readonly userData32: number;
  readonly code: number;
  readonly accounts: Extent;
  readonly transfers: Extent;
}

/** One account of the run, created or not. */
export interface AccountModel {
  /** The account as the server should have it. */
  readonly account: Account;
  readonly intersection: Intersection;
  created: boolean;
  debitCount: number;
  creditCount: number;
  /** The transfers on either side. */
  readonly transfers: Extent;
}

/** A pending transfer that is not resolved. */
export interface PendingModel {
  readonly transfer: Transfer;
  readonly debit: AccountModel;
  readonly credit: AccountModel;
  readonly expiresAt: bigint;
  readonly timestamp: bigint;
}

const NANOSECONDS_PER_SECOND = 1_000_000_000n;

/** All accounts of a run, and what was done to them. */
export class LedgerModel {
  readonly accounts: readonly AccountModel[];
  readonly intersections: readonly Intersection[];
  readonly changes: ChangeTracker;
  readonly #options: WorkloadOptions;
  readonly #expireMax: number;
  readonly #pending = new Map<bigint, PendingModel>();
  /** By expiry and then by timestamp. Those that were resolved otherwise are still in it. */
  readonly #expiring: PendingModel[] = [];

  constructor(options: WorkloadOptions, random: Random, limits: { expireMax: number; changeEventsMax: number }) {
    this.#options = options;
    this.#expireMax = limits.expireMax;
    this.changes = new ChangeTracker(limits.changeEventsMax);
    const intersectionCount = Math.max(1, Math.floor(options.accountsMax / 2));
    this.intersections = Array.from({ length: intersectionCount }, (_, index) => ({
      userData64: BigInt(index + 1) * 1_000_000n,
      userData32: (index + 1) * 1000,
      code: index + 1,
      accounts: emptyExtent(),
      transfers: emptyExtent(),
    }));
    this.accounts = Array.from({ length: options.accountsMax }, (_, index) => this.#newAccount(random, index));
  }

  /** A combination of fields, with equal chances. */
  drawIntersection(random: Random): Intersection {
    return this.intersections[random.index(this.intersections.length)] as Intersection;
  }

  /** One of the accounts, created or not. */
  drawAccount(random: Random): AccountModel {
    return this.accounts[random.index(this.accounts.length)] as AccountModel;
  }

  /** The account with this id, created or not; undefined if it is none of the run's. */
  accountOf(id: bigint): AccountModel | undefined {
    const index = indexOfId(this.#options.accountIdPermutation, id) - 1n;
    const model = index >= 0n && index < BigInt(this.accounts.length) ? this.accounts[Number(index)] : undefined;
    return model?.account.id === id ? model : undefined;
  }

  get pendingCount(): number {
    return this.#pending.size;
  }

  /** A pending transfer that is not resolved yet, as far as is known; undefined if there is none. */
  drawPending(random: Random): PendingModel | undefined {
    if (this.#pending.size === 0) return undefined;
    let skip = random.index(this.#pending.size);
    for (const pending of this.#pending.values()) {
      if (skip === 0) return pending;
      skip -= 1;
    }
    return undefined;
  }

  /** The account was created now. */
  createAccount(model: AccountModel, timestamp: bigint): void {
    assert(!model.created, () => `account ${model.account.id} is created twice`);
    model.created = true;
    model.account.timestamp = timestamp;
    extend(model.intersection.accounts, timestamp);
  }

  /** The transfer was created now: balances move, and counts. */
  createTransfer(transfer: Transfer, timestamp: bigint): void {
    const debit = this.accountOf(transfer.debitAccountId);
    const credit = this.accountOf(transfer.creditAccountId);
    assert(debit?.created === true && credit?.created === true, () => `transfer ${transfer.id} has no accounts`);
    debit.debitCount += 1;
    credit.creditCount += 1;
    extend(debit.transfers, timestamp);
    extend(credit.transfers, timestamp);
    const intersection = this.intersections[transfer.code - 1];
    assert(intersection !== undefined, () => `transfer ${transfer.id} has the code ${transfer.code}`);
    extend(intersection.transfers, timestamp);
    this.changes.add(this.#move(transfer, debit, credit, timestamp), timestamp, 1);
    assertLimits(debit);
    assertLimits(credit);
  }

  /** A pulse was committed: what was due has expired, up to what one pulse takes. */
  expire(timestamp: bigint): void {
    let count = 0;
    while (count < this.#expireMax) {
      const next = this.#expiring[0];
      if (next === undefined || next.expiresAt > timestamp) break;
      this.#expiring.shift();
      if (!this.#pending.delete(next.transfer.id)) continue;
      release(next);
      assertLimits(next.debit);
      assertLimits(next.credit);
      count += 1;
    }
    if (count > 0) this.changes.add(ChangeEventType.two_phase_expired, timestamp, count);
  }

  #newAccount(random: Random, index: number): AccountModel {
    const account = new Account(new Uint8Array(Account.sizeBytes));
    const intersection = this.drawIntersection(random);
    account.id = idOfIndex(this.#options.accountIdPermutation, BigInt(index + 1));
    account.userData64 = intersection.userData64;
    account.userData32 = intersection.userData32;
    account.code = intersection.code;
    account.ledger = 1;
    if (random.chance(this.#options.accountLimit, 100)) {
      account.flags |= random.boolean()
        ? AccountFlags.debits_must_not_exceed_credits
        : AccountFlags.credits_must_not_exceed_debits;
    }
    if (random.chance(this.#options.accountHistory, 100)) account.flags |= AccountFlags.history;
    return { account, intersection, created: false, debitCount: 0, creditCount: 0, transfers: emptyExtent() };
  }

  #move(transfer: Transfer, debit: AccountModel, credit: AccountModel, timestamp: bigint): ChangeEventType {
    const { amount, flags } = transfer;
    if ((flags & (TransferFlags.post_pending_transfer | TransferFlags.void_pending_transfer)) !== 0) {
      const pending = this.#pending.get(transfer.pendingId);
      assert(pending !== undefined, () => `transfer ${transfer.id} resolves what is not pending`);
      this.#pending.delete(transfer.pendingId);
      release(pending);
      if ((flags & TransferFlags.void_pending_transfer) !== 0) return ChangeEventType.two_phase_voided;
      debit.account.debitsPosted += amount;
      credit.account.creditsPosted += amount;
      return ChangeEventType.two_phase_posted;
    }
    if ((flags & TransferFlags.pending) === 0) {
      debit.account.debitsPosted += amount;
      credit.account.creditsPosted += amount;
      return ChangeEventType.single_phase;
    }
    debit.account.debitsPending += amount;
    credit.account.creditsPending += amount;
    const expiresAt = timestamp + BigInt(transfer.timeout) * NANOSECONDS_PER_SECOND;
    this.#addPending({ transfer, debit, credit, expiresAt, timestamp });
    return ChangeEventType.two_phase_pending;
  }

  #addPending(pending: PendingModel): void {
    this.#pending.set(pending.transfer.id, pending);
    const after = this.#expiring.findIndex(({ expiresAt }) => expiresAt > pending.expiresAt);
    this.#expiring.splice(after === -1 ? this.#expiring.length : after, 0, pending);
    assert(
      this.#pending.size <= this.#options.transfersPendingMax,
      () => `${this.#pending.size} transfers are pending`,
    );
  }
}

function release({ transfer, debit, credit }: PendingModel): void {
  debit.account.debitsPending -= transfer.amount;
  credit.account.creditsPending -= transfer.amount;
}

function assertLimits({ account }: AccountModel): void {
  const { debitsPending, debitsPosted, creditsPending, creditsPosted, flags, id } = account;
  if ((flags & AccountFlags.debits_must_not_exceed_credits) !== 0) {
    assert(debitsPending + debitsPosted <= creditsPosted, () => `the debits of account ${id} exceed its credits`);
  }
  if ((flags & AccountFlags.credits_must_not_exceed_debits) !== 0) {
    assert(creditsPending + creditsPosted <= debitsPosted, () => `the credits of account ${id} exceed its debits`);
  }
}
