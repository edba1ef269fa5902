/**
 * The filters that a workload asks with (spec 02 §27, spec 07 §15).
 *
 * @module
 */
import type { Random } from "@stagbeetle/vsr-protocol";
import {
  AccountFilter,
  AccountFilterFlags,
  ChangeEventsFilter,
  QueryFilter,
  QueryFilterFlags,
} from "../accounting/filters.ts";
import type { Limits } from "../accounting/limits.ts";
import type { OperationTraits } from "../accounting/operations.ts";
import { changeCount } from "./change-tracker.ts";
import type { LedgerModel } from "./ledger-model.ts";
import type { WorkloadOptions } from "./options.ts";
import { LEDGER_NOT_FOUND } from "./query-auditor.ts";

/** Draws filters, about which the auditor knows what they have to find. Each is written to the front of `batch`. */
export class FilterBuilder {
  readonly #options: WorkloadOptions;
  readonly #limits: Limits;
  readonly #random: Random;
  readonly #model: LedgerModel;

  constructor(options: WorkloadOptions, limits: Limits, random: Random, model: LedgerModel) {
    this.#options = options;
    this.#limits = limits;
    this.#random = random;
    this.#model = model;
  }

  /** For `get_account_transfers` and `get_account_balances`. */
  accountFilter(traits: OperationTraits, batch: Uint8Array): void {
    batch.fill(0, 0, AccountFilter.sizeBytes);
    const filter = new AccountFilter(batch);
    const model = this.#model.drawAccount(this.#random);
    const reversed = this.#random.boolean();
    filter.accountId = model.account.id;
    filter.flags = reversed ? AccountFilterFlags.reversed : 0;
    if (this.#random.chance(this.#options.accountFilterTimestampRange, 100)) {
      filter.flags |= AccountFilterFlags.debits | AccountFilterFlags.credits;
      filter.limit = Math.min(model.debitCount + model.creditCount, this.#limits.resultMax(traits));
      this.#exclude(filter, model.transfers, reversed);
      return;
    }
    filter.flags |= this.#random.intInclusive(32, AccountFilterFlags.debits | AccountFilterFlags.credits);
    filter.limit = this.#drawLimit(traits);
  }

  /** For `query_accounts` and `query_transfers`. */
  queryFilter(traits: OperationTraits, batch: Uint8Array): void {
    batch.fill(0, 0, QueryFilter.sizeBytes);
    const filter = new QueryFilter(batch);
    filter.limit = this.#drawLimit(traits);
    if (this.#random.chance(this.#options.queryFilterNotFound, 100)) {
      filter.ledger = LEDGER_NOT_FOUND;
      return;
    }
    const intersection = this.#model.drawIntersection(this.#random);
    const extent = traits.kind === "query_accounts" ? intersection.accounts : intersection.transfers;
    const reversed = this.#random.boolean();
    filter.userData64 = intersection.userData64;
    filter.userData32 = intersection.userData32;
    filter.code = intersection.code;
    filter.flags = reversed ? QueryFilterFlags.reversed : 0;
    if (extent.count < 2 || extent.count > this.#limits.resultMax(traits)) return;
    if (!this.#random.chance(this.#options.queryFilterTimestampRange, 100)) return;
    filter.limit = extent.count;
    this.#exclude(filter, extent, reversed);
  }

  /** For `get_change_events`: sometimes a window of which all is known, sometimes one that is not valid. */
  changeEventsFilter(batch: Uint8Array): void {
    batch.fill(0, 0, ChangeEventsFilter.sizeBytes);
    const filter = new ChangeEventsFilter(batch);
    const window = this.#model.changes.acquire();
    if (window !== null) {
      filter.timestampMin = window.timestampMin;
      filter.timestampMax = window.timestampMax;
      filter.limit = this.#random.boolean() ? changeCount(window) : this.#limits.changeEventsMax;
      return;
    }
    if (this.#random.boolean()) return;
    filter.timestampMax = 1n + this.#random.u64Inclusive(1n << 40n);
    filter.timestampMin = filter.timestampMax + 1n;
    filter.limit = this.#random.intInclusive(32, this.#limits.changeEventsMax);
  }

  /** The range of all that there is, but for the first result. */
  #exclude(
    filter: AccountFilter | QueryFilter,
    extent: { timestampMin: bigint; timestampMax: bigint },
    reversed: boolean,
  ): void {
    if (extent.timestampMax === 0n) return;
    filter.timestampMin = extent.timestampMin + (reversed ? 0n : 1n);
    filter.timestampMax = extent.timestampMax - (reversed ? 1n : 0n);
  }

  #drawLimit(traits: OperationTraits): number {
    const resultMax = this.#limits.resultMax(traits);
    switch (this.#random.index(4)) {
      case 0:
        return 0;
      case 1:
        return 1;
      case 2:
        return this.#random.intInclusive(32, resultMax);
      default:
        return resultMax;
    }
  }
}
