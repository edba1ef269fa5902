/**
 * How long requests took (spec 06 §7.4).
 */

/** Milliseconds that are told apart; the last bucket has all that took longer. */
const BUCKET_LAST = 10_000;
const PERCENTILES = [1, 50, 99, 100] as const;

/** One percentile: at most so many milliseconds, or more than can be told. */
export interface Percentile {
  readonly percentile: number;
  readonly milliseconds: number;
  /** The percentile lies beyond the histogram. */
  readonly exceeds: boolean;
}

/** A histogram of durations in whole milliseconds. */
export class Latencies {
  readonly #buckets = new Uint32Array(BUCKET_LAST + 1);
  #count = 0;

  /** How many requests there were. */
  get count(): number {
    return this.#count;
  }

  /** @param milliseconds is rounded down. */
  add(milliseconds: number): void {
    const bucket = Math.min(Math.floor(milliseconds), BUCKET_LAST);
    this.#buckets[bucket] = (this.#buckets[bucket] ?? 0) + 1;
    this.#count += 1;
  }

  /** The percentiles of the report. With fewer than 100 requests the first is 0. */
  percentiles(): readonly Percentile[] {
    return PERCENTILES.map((percentile) => {
      const wanted = Math.floor((this.#count * percentile) / 100);
      let sum = 0;
      const bucket = this.#buckets.findIndex((count) => (sum += count) >= wanted);
      // The last bucket has no upper end.
      const exceeds = bucket === BUCKET_LAST;
      return { percentile, milliseconds: bucket, exceeds };
    });
  }
}

const LABEL_LENGTH = 4;

/** One line for each percentile. */
export function latencyLines(what: string, percentiles: readonly Percentile[]): string {
  const lines = percentiles.map(({ percentile, milliseconds, exceeds }) => {
    const more = exceeds ? "+ (exceeds histogram resolution)" : "";
    return `${what} latency ${`p${percentile}`.padEnd(LABEL_LENGTH)} = ${milliseconds} ms${more}\n`;
  });
  return lines.join("");
}
