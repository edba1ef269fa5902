/**
 * Which ops there are, as ranges.
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";

/** Ops from `first` to `last`, both included. */
export interface OpRange {
  readonly first: number;
  readonly last: number;
}

/** How many ranges are kept apart unless said otherwise. A range ends where entries are missing or damaged. */
const RANGES_MAX = 65_536;

/** A set of ops that takes memory by its gaps, not by its ops. */
export class OpRanges {
  readonly #rangesMax: number;
  /** Ascending, and never two that touch. */
  readonly #ranges: { first: number; last: number }[] = [];
  #count = 0;

  /** @param rangesMax how many ranges there may be. */
  constructor(rangesMax: number = RANGES_MAX) {
    assert(rangesMax > 0, () => `${rangesMax} ranges`);
    this.#rangesMax = rangesMax;
  }

  /** How many ops there are. */
  get count(): number {
    return this.#count;
  }

  /** All of them, ascending. */
  get ranges(): readonly OpRange[] {
    return this.#ranges;
  }

  /** The lowest op at or above `op`; null if there is none. */
  atOrAfter(op: number): number | null {
    const range = this.#ranges[this.#indexOf(op)];
    return range === undefined ? null : Math.max(op, range.first);
  }

  /**
   * Adds an op.
   *
   * @returns `added`, `known` if it was there, or `full` if it would need one range more than there may be.
   */
  add(op: number): "added" | "known" | "full" {
    assert(Number.isSafeInteger(op) && op >= 0, () => `op ${op}`);
    const index = this.#indexOf(op);
    const after = this.#ranges[index];
    const before = this.#ranges[index - 1];
    if (after !== undefined && after.first <= op) return "known";
    const joinsBefore = before?.last === op - 1;
    const joinsAfter = after?.first === op + 1;
    if (before !== undefined && joinsBefore && after !== undefined && joinsAfter) {
      before.last = after.last;
      this.#ranges.splice(index, 1);
    } else if (before !== undefined && joinsBefore) {
      before.last = op;
    } else if (after !== undefined && joinsAfter) {
      after.first = op;
    } else {
      if (this.#ranges.length === this.#rangesMax) return "full";
      this.#ranges.splice(index, 0, { first: op, last: op });
    }
    this.#count += 1;
    return "added";
  }

  /** The index of the first range that does not end before `op`. */
  #indexOf(op: number): number {
    let low = 0;
    let high = this.#ranges.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#ranges[middle]?.last ?? 0) < op) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
