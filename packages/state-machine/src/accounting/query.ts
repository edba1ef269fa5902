/**
 * Queries by filter: how each is evaluated as scans (spec 02 §16.3, §16.5, spec 05 §17.3).
 *
 * @module
 */
import type { Direction, Forest, Groove, Scan, TimestampRange } from "../forest.ts";
import * as u128 from "../lanes/u128.ts";
import {
  type AccountFilter,
  accountFilterDirection,
  AccountFilterFlags,
  filterRange,
  type QueryFilter,
  queryFilterDirection,
} from "./filters.ts";

/** Builds the scans of one query: conditions on index trees of one groove, all of which an object must meet. */
class Conditions {
  readonly #forest: Forest;
  readonly #groove: Groove;
  readonly #range: TimestampRange;
  readonly #direction: Direction;
  readonly #value = new Uint32Array(4);
  readonly #scans: Scan[] = [];

  constructor(forest: Forest, groove: Groove, range: TimestampRange, direction: Direction) {
    this.#forest = forest;
    this.#groove = groove;
    this.#range = range;
    this.#direction = direction;
  }

  /** The objects whose indexed value is exactly this one. */
  scan(index: string, value: bigint | number): Scan {
    u128.fromBigInt(this.#value, 0, BigInt(value));
    const number = this.#groove.indexOf(index);
    return this.#forest.scans.prefix(this.#groove, number, this.#value, 0, this.#range, this.#direction);
  }

  add(scan: Scan): void {
    this.#scans.push(scan);
  }

  /** A filter's field: zero means that there is no condition. */
  addUnlessZero(index: string, value: bigint | number): void {
    if (BigInt(value) !== 0n) this.add(this.scan(index, value));
  }

  /** All conditions together; all objects if there is none. */
  build(): Scan {
    const { scans } = this.#forest;
    const first = this.#scans[0];
    if (first === undefined) return scans.objects(this.#groove, this.#range, this.#direction);
    return this.#scans.length === 1 ? first : scans.intersection(this.#scans);
  }
}

/** The transfers of an account that a valid filter selects. */
export function accountTransfersScan(forest: Forest, transfers: Groove, filter: AccountFilter): Scan {
  const conditions = new Conditions(forest, transfers, filterRange(filter), accountFilterDirection(filter));
  const sides: Scan[] = [];
  if ((filter.flags & AccountFilterFlags.debits) !== 0) {
    sides.push(conditions.scan("debit_account_id", filter.accountId));
  }
  if ((filter.flags & AccountFilterFlags.credits) !== 0) {
    sides.push(conditions.scan("credit_account_id", filter.accountId));
  }
  conditions.add(sides.length === 1 ? (sides[0] as Scan) : forest.scans.union(sides));
  conditions.addUnlessZero("user_data_128", filter.userData128);
  conditions.addUnlessZero("user_data_64", filter.userData64);
  conditions.addUnlessZero("user_data_32", filter.userData32);
  conditions.addUnlessZero("code", filter.code);
  return conditions.build();
}

/** The accounts or transfers that a valid filter selects. */
export function queryScan(forest: Forest, groove: Groove, filter: QueryFilter): Scan {
  const conditions = new Conditions(forest, groove, filterRange(filter), queryFilterDirection(filter));
  conditions.addUnlessZero("user_data_128", filter.userData128);
  conditions.addUnlessZero("user_data_64", filter.userData64);
  conditions.addUnlessZero("user_data_32", filter.userData32);
  conditions.addUnlessZero("ledger", filter.ledger);
  conditions.addUnlessZero("code", filter.code);
  return conditions.build();
}
