/**
 * Builds batches of transfers whose statuses are known in advance, at least as a set (spec 07 §15.5).
 *
 * @module
 */
import type { Random } from "@stagbeetle/vsr-protocol";
import { AccountFlags } from "../accounting/account.ts";
import { CreateTransferStatus } from "../accounting/create-transfer-status.ts";
import { Transfer, TransferFlags } from "../accounting/transfer.ts";
import { exponential } from "./exponential.ts";
import type { AccountModel, LedgerModel, PendingModel } from "./ledger-model.ts";
import type { WorkloadOptions } from "./options.ts";
import { idOfIndex } from "./permutation.ts";
import { planOf, type TransferMethod, type TransferPlan } from "./plan.ts";
import { transferChecksum } from "./transfer-checksum.ts";

/** The statuses that one event may get. */
export type ExpectedStatuses = ReadonlySet<number>;

/** A batch of transfers that was built. */
export interface BuiltTransfers {
  /** What is expected of each event. */
  readonly expected: readonly ExpectedStatuses[];
  /** The index of the first transfer; the others follow. Retries take the place of an index that is never created. */
  readonly indexFirst: bigint;
  /** How many pending transfers may come of it. */
  readonly pendingCount: number;
}

const S = CreateTransferStatus;
const CREATED: ExpectedStatuses = new Set([S.created]);
const EXISTS: ExpectedStatuses = new Set([S.exists]);
const ALREADY_FAILED: ExpectedStatuses = new Set([S.id_already_failed]);
const LINKED_FAILED: ExpectedStatuses = new Set([S.linked_event_failed]);
const LIMITED: ExpectedStatuses = new Set([S.created, S.exceeds_credits, S.exceeds_debits]);
const NO_LEDGER: ExpectedStatuses = new Set([S.ledger_must_not_be_zero]);
const OTHER_LEDGER: ExpectedStatuses = new Set([S.pending_transfer_has_different_ledger]);
const RESOLVED: ExpectedStatuses = new Set([
  S.created,
  S.pending_transfer_already_posted,
  S.pending_transfer_already_voided,
  S.pending_transfer_expired,
]);
const RESOLVED_LIMITED: ExpectedStatuses = new Set([...RESOLVED, ...LIMITED]);

const AMOUNT_MAX = 255;
const TIMEOUT_MAX_SECONDS = 2 ** 31 - 1;
const LEDGER_OF_OTHERS = 9;

const METHOD_FLAGS: Readonly<Record<TransferMethod, number>> = {
  single_phase: 0,
  pending: TransferFlags.pending,
  post: TransferFlags.post_pending_transfer,
  void: TransferFlags.void_pending_transfer,
};

/** Transfers with ascending indexes, and some that were sent before. */
export class TransferBuilder {
  readonly #options: WorkloadOptions;
  readonly #random: Random;
  readonly #model: LedgerModel;
  /** Transfers that exist, as they were sent. */
  readonly #retryExists: Transfer[] = [];
  /** Ids that are burnt. */
  readonly #retryFailed: bigint[] = [];
  #indexNext = 0n;
  #pendingInFlight = 0;

  constructor(options: WorkloadOptions, random: Random, model: LedgerModel) {
    this.#options = options;
    this.#random = random;
    this.#model = model;
  }

  /** The number of transfers that were built: all indexes below were sent. */
  get indexNext(): bigint {
    return this.#indexNext;
  }

  /** Writes at most `count` transfers to `batch`; fewer if there are no accounts for them. */
  build(batch: Uint8Array, count: number): BuiltTransfers {
    const indexFirst = this.#indexNext;
    const expected: ExpectedStatuses[] = [];
    let pendingCount = 0;
    while (expected.length < count) {
      const transfer = new Transfer(batch, expected.length * Transfer.sizeBytes);
      const statuses = this.#buildTransfer(transfer, this.#indexNext);
      if (statuses === null) break;
      if ((transfer.flags & TransferFlags.pending) !== 0) {
        pendingCount += 1;
        this.#pendingInFlight += 1;
      }
      this.#indexNext += 1n;
      expected.push(statuses);
    }
    this.#link(batch, expected);
    this.#retry(batch, expected, indexFirst);
    for (let index = 0; index < expected.length; index += 1) {
      const transfer = new Transfer(batch, index * Transfer.sizeBytes);
      transfer.userData128 = transferChecksum(transfer);
    }
    return { expected, indexFirst, pendingCount };
  }

  /** The batch was answered. */
  delivered({ pendingCount }: BuiltTransfers): void {
    this.#pendingInFlight -= pendingCount;
  }

  /** Keeps a transfer that was created, perhaps, to send it again. */
  keepCreated(transfer: Transfer): void {
    if ((transfer.flags & TransferFlags.linked) !== 0) return;
    if (this.#retryExists.length === this.#options.retriesMax) return;
    if (!this.#random.chance(this.#options.createTransferRetry, 100)) return;
    const kept = new Transfer(transfer.buffer.slice(transfer.offset, transfer.offset + Transfer.sizeBytes));
    kept.userData128 = 0n;
    this.#retryExists.push(kept);
  }

  /** Keeps an id that was burnt, to use it again. */
  keepFailed(id: bigint): void {
    if (this.#retryFailed.length < this.#options.retriesMax) this.#retryFailed.push(id);
  }

  #buildTransfer(transfer: Transfer, index: bigint): ExpectedStatuses | null {
    const plan = planOf(this.#options, index);
    const pending =
      plan.method === "post" || plan.method === "void" ? this.#model.drawPending(this.#random) : undefined;
    const method = this.#possibleMethod(plan.method, pending);
    clear(transfer);
    transfer.id = idOfIndex(this.#options.transferIdPermutation, index + 1n);
    transfer.flags = METHOD_FLAGS[method];
    transfer.ledger = 1;
    if ((method === "post" || method === "void") && pending !== undefined) {
      this.#resolve(transfer, pending, method);
      if (!plan.valid) transfer.ledger = LEDGER_OF_OTHERS;
      if (!plan.valid) return OTHER_LEDGER;
      return plan.limit ? RESOLVED_LIMITED : RESOLVED;
    }
    if (!this.#fill(transfer, plan)) return null;
    if (method === "pending") {
      const timeout = exponential(this.#random, this.#options.pendingTimeoutMeanSeconds);
      transfer.timeout = 1 + Math.min(TIMEOUT_MAX_SECONDS, timeout);
    }
    if (!plan.valid) transfer.ledger = 0;
    if (!plan.valid) return NO_LEDGER;
    return plan.limit ? LIMITED : CREATED;
  }

  /** A method that is not possible now becomes the simplest one, whose outcomes are among those of the plan. */
  #possibleMethod(method: TransferMethod, pending: PendingModel | undefined): TransferMethod {
    if (method === "single_phase") return method;
    if (method !== "pending") return pending === undefined ? "single_phase" : method;
    const full = this.#model.pendingCount + this.#pendingInFlight >= this.#options.transfersPendingMax;
    return full ? "single_phase" : method;
  }

  /** All fields are set, although zero would mean the same: the checksum is over the transfer as it will be stored. */
  #resolve(transfer: Transfer, { transfer: p }: PendingModel, method: "post" | "void"): void {
    transfer.debitAccountId = p.debitAccountId;
    transfer.creditAccountId = p.creditAccountId;
    transfer.userData64 = p.userData64;
    transfer.userData32 = p.userData32;
    transfer.code = p.code;
    transfer.pendingId = p.id;
    transfer.amount = method === "void" ? p.amount : BigInt(this.#random.intInclusive(32, Number(p.amount)));
  }

  /** Accounts, amount and fields to query by. False if there are no accounts. */
  #fill(transfer: Transfer, { limit }: TransferPlan): boolean {
    const debitLimit = limit && this.#random.boolean();
    const creditLimit = limit && (this.#random.boolean() || !debitLimit);
    const debit = this.#drawAccount(AccountFlags.debits_must_not_exceed_credits, debitLimit, null);
    if (debit === null) return false;
    const credit = this.#drawAccount(AccountFlags.credits_must_not_exceed_debits, creditLimit, debit);
    if (credit === null) return false;
    const intersection = this.#model.drawIntersection(this.#random);
    transfer.debitAccountId = debit.account.id;
    transfer.creditAccountId = credit.account.id;
    transfer.amount = BigInt(this.#random.intInclusive(32, AMOUNT_MAX));
    transfer.userData64 = intersection.userData64;
    transfer.userData32 = intersection.userData32;
    transfer.code = intersection.code;
    return true;
  }

  /** An account that was created, other than `except`, that has the flag or has it not. */
  #drawAccount(flag: number, flagged: boolean, except: AccountModel | null): AccountModel | null {
    const candidates = this.#model.accounts.filter(
      (model) => model.created && model !== except && ((model.account.flags & flag) !== 0) === flagged,
    );
    return candidates.length === 0 ? null : (candidates[this.#random.index(candidates.length)] ?? null);
  }

  /** Links neighbours whose statuses are certain: two that succeed, or a success that fails because of the next one. */
  #link(batch: Uint8Array, expected: ExpectedStatuses[]): void {
    for (let index = 0; index + 1 < expected.length; index += 1) {
      const transfer = new Transfer(batch, index * Transfer.sizeBytes);
      const [own, next] = [expected[index], expected[index + 1]];
      if (own === CREATED && next === CREATED) {
        if (this.#random.chance(this.#options.linkedValid, 100)) transfer.flags |= TransferFlags.linked;
      } else if (own?.size === 1 && next?.size === 1 && own !== CREATED && next !== CREATED && own !== LINKED_FAILED) {
        if (!this.#random.chance(this.#options.linkedInvalid, 100)) continue;
        const before = index > 0 ? new Transfer(batch, (index - 1) * Transfer.sizeBytes) : null;
        if (before !== null && (before.flags & TransferFlags.linked) !== 0) continue;
        const { id } = transfer;
        const valid = new Transfer(new Uint8Array(Transfer.sizeBytes));
        if (!this.#fill(valid, { method: "single_phase", valid: true, limit: false })) continue;
        valid.id = id;
        valid.ledger = 1;
        valid.flags = TransferFlags.linked;
        batch.set(valid.buffer, transfer.offset);
        expected[index] = LINKED_FAILED;
      }
    }
  }

  /** Puts transfers that were sent before into places whose own transfer would fail, not the first nor the last one. */
  #retry(batch: Uint8Array, expected: ExpectedStatuses[], indexFirst: bigint): void {
    for (let index = 1; index + 1 < expected.length; index += 1) {
      const transfer = new Transfer(batch, index * Transfer.sizeBytes);
      const before = new Transfer(batch, (index - 1) * Transfer.sizeBytes);
      const linked = ((transfer.flags | before.flags) & TransferFlags.linked) !== 0;
      if (linked || planOf(this.#options, indexFirst + BigInt(index)).valid) continue;
      if (!this.#random.chance(this.#options.createTransferRetry, 100)) continue;
      const weights = [this.#retryExists.length > 0 ? 1 : 0, this.#retryFailed.length > 0 ? 1 : 0];
      if (weights[0] === 0 && weights[1] === 0) continue;
      if (this.#random.weighted(weights) === 0) {
        const again = this.#retryExists[this.#random.index(this.#retryExists.length)] as Transfer;
        batch.set(again.buffer, transfer.offset);
        expected[index] = EXISTS;
      } else {
        clear(transfer);
        transfer.id = this.#retryFailed[this.#random.index(this.#retryFailed.length)] as bigint;
        expected[index] = ALREADY_FAILED;
      }
    }
  }
}

function clear(transfer: Transfer): void {
  transfer.buffer.fill(0, transfer.offset, transfer.offset + Transfer.sizeBytes);
}
