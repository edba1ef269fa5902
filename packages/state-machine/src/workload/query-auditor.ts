/**
 * Checks what queries answer against what is known of the ledger (spec 07 §15.7).
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import type { Account } from "../accounting/account.ts";
import { AccountFlags } from "../accounting/account.ts";
import type { AccountFilter, ChangeEventsFilter, QueryFilter } from "../accounting/filters.ts";
import {
  AccountFilterFlags,
  accountFilterValid,
  changeEventsFilterValid,
  filterRange,
  QueryFilterFlags,
  queryFilterValid,
} from "../accounting/filters.ts";
import type { AccountBalance, ChangeEvent } from "../accounting/results.ts";
import { ChangeEventType } from "../accounting/results.ts";
import { Transfer, TransferFlags } from "../accounting/transfer.ts";
import { changeCount } from "./change-tracker.ts";
import type { Extent, LedgerModel } from "./ledger-model.ts";
import type { WorkloadOptions } from "./options.ts";
import { indexOfId } from "./permutation.ts";
import { outcomeOf, planOf } from "./plan.ts";
import { transferChecksum } from "./transfer-checksum.ts";

/** The ledger of filters that find nothing. */
export const LEDGER_NOT_FOUND = 999;

const NANOSECONDS_PER_SECOND = 1_000_000_000n;
const TWO_PHASE = TransferFlags.pending | TransferFlags.post_pending_transfer | TransferFlags.void_pending_transfer;

/** Judges replies to queries. Every doubt is an assertion. */
export class QueryAuditor {
  readonly #options: WorkloadOptions;
  readonly #model: LedgerModel;

  constructor(options: WorkloadOptions, model: LedgerModel) {
    this.#options = options;
    this.#model = model;
  }

  /** Whatever is said of a transfer anywhere is what was sent. */
  transfer(transfer: Transfer): void {
    const index = indexOfId(this.#options.transferIdPermutation, transfer.id) - 1n;
    const plan = planOf(this.#options, index);
    assert(transfer.userData128 === transferChecksum(transfer), () => `transfer ${transfer.id} is not what was sent`);
    assert(outcomeOf(plan) !== "failure", () => `transfer ${transfer.id} exists`);
    const twoPhase = transfer.flags & TWO_PHASE;
    const planned = {
      single_phase: 0,
      pending: TransferFlags.pending,
      post: TransferFlags.post_pending_transfer,
      void: TransferFlags.void_pending_transfer,
    };
    assert(twoPhase === 0 || twoPhase === planned[plan.method], () => `transfer ${transfer.id} is not as planned`);
  }

  accountTransfers(filter: AccountFilter, results: readonly Transfer[], resultMax: number): void {
    this.#accountResults(filter, results, resultMax, false);
    for (const transfer of results) {
      this.transfer(transfer);
      const debits = transfer.debitAccountId === filter.accountId && (filter.flags & AccountFilterFlags.debits) !== 0;
      const credits =
        transfer.creditAccountId === filter.accountId && (filter.flags & AccountFilterFlags.credits) !== 0;
      assert(debits || credits, () => `transfer ${transfer.id} is none of account ${filter.accountId}`);
    }
  }

  accountBalances(filter: AccountFilter, results: readonly AccountBalance[], resultMax: number): void {
    this.#accountResults(filter, results, resultMax, true);
  }

  accounts(filter: QueryFilter, results: readonly Account[], resultMax: number): void {
    this.#queryResults(filter, results, resultMax, (intersection) => intersection.accounts);
  }

  transfers(filter: QueryFilter, results: readonly Transfer[], resultMax: number): void {
    this.#queryResults(filter, results, resultMax, (intersection) => intersection.transfers);
    for (const transfer of results) this.transfer(transfer);
  }

  /** The events of the window that was acquired, or none. */
  changeEvents(filter: ChangeEventsFilter, results: readonly ChangeEvent[]): void {
    if (!changeEventsFilterValid(filter)) {
      assert(results.length === 0, () => `${results.length} results for an invalid filter`);
      return;
    }
    const window = this.#model.changes.release();
    assert(results.length === changeCount(window), () => `${results.length} of ${changeCount(window)} change events`);
    const { min, max } = filterRange(filter);
    assertOrdered(results, false, min, max);
    const counts = window.counts.map((_, type) => results.filter((event) => event.type === type).length);
    assert(counts.join() === window.counts.join(), () => `change events ${counts.join()}, not ${window.counts.join()}`);
    for (const event of results) this.#changeEvent(event);
  }

  #accountResults(
    filter: AccountFilter,
    results: readonly { readonly timestamp: bigint }[],
    resultMax: number,
    balances: boolean,
  ): void {
    const model = this.#model.accountOf(filter.accountId);
    const history = model !== undefined && (model.account.flags & AccountFlags.history) !== 0;
    if (model?.created !== true || !accountFilterValid(filter) || (balances && !history)) {
      assert(results.length === 0, () => `${results.length} results for a filter without any`);
      return;
    }
    const debits = (filter.flags & AccountFilterFlags.debits) !== 0 ? model.debitCount : 0;
    const credits = (filter.flags & AccountFilterFlags.credits) !== 0 ? model.creditCount : 0;
    this.#assertCount(filter, results.length, debits + credits, model.transfers, resultMax);
    const { min, max } = filterRange(filter);
    assertOrdered(results, (filter.flags & AccountFilterFlags.reversed) !== 0, min, max);
  }

  #queryResults(
    filter: QueryFilter,
    results: readonly (Account | Transfer)[],
    resultMax: number,
    extentOf: (intersection: LedgerModel["intersections"][number]) => Extent,
  ): void {
    if (!queryFilterValid(filter) || filter.ledger === LEDGER_NOT_FOUND) {
      assert(results.length === 0, () => `${results.length} results for a filter without any`);
      return;
    }
    const intersection = this.#model.intersections[filter.code - 1];
    assert(intersection !== undefined, () => `a query for the code ${filter.code}`);
    const extent = extentOf(intersection);
    this.#assertCount(filter, results.length, extent.count, extent, resultMax);
    const { min, max } = filterRange(filter);
    assertOrdered(results, (filter.flags & QueryFilterFlags.reversed) !== 0, min, max);
    for (const { userData64, userData32, code } of results) {
      const same = userData64 === filter.userData64 && userData32 === filter.userData32 && code === filter.code;
      assert(same, () => `a result that the query for the code ${filter.code} does not ask for`);
    }
  }

  /** A filter with a range was made to leave out exactly one of as many objects as its limit says. */
  #assertCount(
    filter: AccountFilter | QueryFilter,
    count: number,
    total: number,
    extent: Extent,
    resultMax: number,
  ): void {
    const ranged = filter.timestampMin !== 0n || filter.timestampMax !== 0n;
    if (!ranged) {
      const expected = Math.min(filter.limit, resultMax, total);
      assert(count === expected, () => `${count} results, expected ${expected}`);
      return;
    }
    assert(filter.timestampMin === 0n || filter.timestampMin >= extent.timestampMin, "a range before the first object");
    assert(filter.timestampMax <= extent.timestampMax, "a range behind the last object");
    const full = count === resultMax && total > resultMax;
    assert(full || count === filter.limit - 1, () => `${count} results, expected ${filter.limit - 1}`);
  }

  #changeEvent(event: ChangeEvent): void {
    assert(
      event.reserved.every((byte) => byte === 0),
      "reserved bytes of a change event",
    );
    this.transfer(transferOf(event));
    const flags = event.transferFlags & TWO_PHASE;
    const amount = event.transferAmount;
    const own = event.timestamp === event.transferTimestamp;
    switch (event.type) {
      case ChangeEventType.single_phase:
        assert(own && flags === 0 && event.transferPendingId === 0n, "a single-phase event");
        assert(amount <= event.debitAccountDebitsPosted && amount <= event.creditAccountCreditsPosted, "its balances");
        break;
      case ChangeEventType.two_phase_pending:
        assert(own && flags === TransferFlags.pending && event.transferPendingId === 0n, "a pending event");
        assert(
          amount <= event.debitAccountDebitsPending && amount <= event.creditAccountCreditsPending,
          "its balances",
        );
        break;
      case ChangeEventType.two_phase_posted:
        assert(
          own && flags === TransferFlags.post_pending_transfer && event.transferPendingId !== 0n,
          "a posted event",
        );
        assert(amount <= event.debitAccountDebitsPosted && amount <= event.creditAccountCreditsPosted, "its balances");
        break;
      case ChangeEventType.two_phase_voided:
        assert(
          own && flags === TransferFlags.void_pending_transfer && event.transferPendingId !== 0n,
          "a voided event",
        );
        break;
      case ChangeEventType.two_phase_expired: {
        const expiresAt = event.transferTimestamp + BigInt(event.transferTimeout) * NANOSECONDS_PER_SECOND;
        assert(flags === TransferFlags.pending && event.transferTimeout > 0, "an expired event");
        assert(event.timestamp >= expiresAt, () => `an expiry at ${event.timestamp}, before ${expiresAt}`);
        break;
      }
      default:
        assert(false, () => `a change event of type ${event.type}`);
    }
    assert(((event.debitAccountFlags | event.creditAccountFlags) & AccountFlags.closed) === 0, "an account is closed");
  }
}

/** Results are strictly ordered and in the range. */
function assertOrdered(
  results: readonly { readonly timestamp: bigint }[],
  reversed: boolean,
  min: bigint,
  max: bigint,
): void {
  for (const [index, { timestamp }] of results.entries()) {
    assert(timestamp >= min && timestamp <= max, () => `a result at ${timestamp}, outside of ${min} to ${max}`);
    const before = results[index - 1]?.timestamp;
    if (before === undefined) continue;
    assert(reversed ? timestamp < before : timestamp > before, () => `results at ${before} and ${timestamp}`);
  }
}

/** The transfer that an event tells of. */
function transferOf(event: ChangeEvent): Transfer {
  const transfer = new Transfer(new Uint8Array(Transfer.sizeBytes));
  transfer.id = event.transferId;
  transfer.debitAccountId = event.debitAccountId;
  transfer.creditAccountId = event.creditAccountId;
  transfer.amount = event.transferAmount;
  transfer.pendingId = event.transferPendingId;
  transfer.userData128 = event.transferUserData128;
  transfer.userData64 = event.transferUserData64;
  transfer.userData32 = event.transferUserData32;
  transfer.timeout = event.transferTimeout;
  transfer.ledger = event.ledger;
  transfer.code = event.transferCode;
  transfer.flags = event.transferFlags;
  transfer.timestamp = event.transferTimestamp;
  return transfer;
}
