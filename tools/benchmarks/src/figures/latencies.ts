/**
 * How long things took, and what to say about it.
 */

/** Times in milliseconds. */
export class Latencies {
  readonly #times: number[] = [];

  add(milliseconds: number): void {
    this.#times.push(milliseconds);
  }

  get count(): number {
    return this.#times.length;
  }

  /** The time within which this part (0 to 1) of all were done. */
  quantile(part: number): number {
    const sorted = this.#times.toSorted((a, b) => a - b);
    return sorted[Math.max(0, Math.ceil(part * sorted.length) - 1)] ?? 0;
  }

  /** `p50 1.20, p99 3.40, max 5.00 ms`. */
  describe(): string {
    const [p50, p99, max] = [0.5, 0.99, 1].map((part) => this.quantile(part).toFixed(2));
    return `p50 ${p50}, p99 ${p99}, max ${max} ms`;
  }
}

/** The best of several rounds of `work`, in nanoseconds for each call: what the code costs when nothing disturbs it. */
export function bestNs(work: () => void, rounds = 7, roundMs = 60): number {
  let calls = 1;
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < rounds;) {
    const begin = performance.now();
    for (let call = 0; call < calls; call += 1) work();
    const elapsedMs = performance.now() - begin;
    if (elapsedMs < roundMs) {
      calls *= 2;
      continue;
    }
    best = Math.min(best, (elapsedMs * 1e6) / calls);
    round += 1;
  }
  return best;
}

/** `12,345`. */
export function whole(value: number): string {
  return Math.round(value).toLocaleString("en");
}
