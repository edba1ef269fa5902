/**
 * Which transfers were delivered: answered by the server, with whatever status.
 *
 * @module
 */

/** Ranges of indexes that arrive in any order. All indexes below {@link DeliveredRanges.past} have arrived. */
export class DeliveredRanges {
  #past = 0n;
  /** Ranges beyond `past`, as first and end (excluded), by their first. */
  readonly #recent: [first: bigint, end: bigint][] = [];

  get past(): bigint {
    return this.#past;
  }

  /** Adds the indexes from `first` to `end`, which is excluded. */
  add(first: bigint, end: bigint): void {
    if (first === end) return;
    const after = this.#recent.findIndex(([other]) => other > first);
    this.#recent.splice(after === -1 ? this.#recent.length : after, 0, [first, end]);
    for (let next = this.#recent[0]; next !== undefined && next[0] === this.#past; next = this.#recent[0]) {
      this.#past = next[1];
      this.#recent.shift();
    }
  }

  has(index: bigint): boolean {
    return index < this.#past || this.#recent.some(([first, end]) => index >= first && index < end);
  }
}
