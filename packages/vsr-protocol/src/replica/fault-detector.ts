/**
 * Telling a primary that is gone from one that is slow (spec 03 §7).
 *
 * A fixed timeout is either too long when there is load or too short when there is none. So the time between signs of life
 * is learned, and silence is measured by it.
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";

const NS_PER_MS = 1_000_000n;

/** Intervals between signs of life are taken to be at least this long (ns): shorter ones would make it jumpy. */
const SIGNAL_INTERVAL_MIN_NS: bigint = 100n * NS_PER_MS;
/** And at most this long (ns), which is also what is assumed at the beginning. */
const SIGNAL_INTERVAL_MAX_NS: bigint = 2000n * NS_PER_MS;

/** What silence means: `green`, nothing; `yellow`, it is longer than usual; `red`, there is nobody any more. */
export type Tardiness = "green" | "yellow" | "red";

/** The limits of what is learned, in nanoseconds. */
export interface FaultDetectorOptions {
  readonly intervalMinNs?: bigint;
  readonly intervalMaxNs?: bigint;
}

/** Learns how often signs of life come, as a moving average, and says how late the next one is. */
export class FaultDetector {
  readonly #intervalMinNs: bigint;
  readonly #intervalMaxNs: bigint;
  #lastSignal = 0n;
  #intervalNs: bigint;

  constructor({ intervalMinNs, intervalMaxNs }: FaultDetectorOptions = {}) {
    this.#intervalMinNs = intervalMinNs ?? SIGNAL_INTERVAL_MIN_NS;
    this.#intervalMaxNs = intervalMaxNs ?? SIGNAL_INTERVAL_MAX_NS;
    assert(this.#intervalMinNs > 0n && this.#intervalMinNs <= this.#intervalMaxNs, "a range of intervals");
    this.#intervalNs = this.#intervalMaxNs;
  }

  /** How long the next sign of life usually takes (ns). */
  get intervalNs(): bigint {
    return this.#intervalNs;
  }

  /** When the last sign of life came, or when nothing was known (monotonic, ns). */
  get lastSignal(): bigint {
    return this.#lastSignal;
  }

  /** Forgets what was learned. The time until the first sign of life counts from `now` (monotonic, ns). */
  reset(now: bigint): void {
    this.#lastSignal = now;
    this.#intervalNs = this.#intervalMaxNs;
  }

  /** A sign of life at `now` (monotonic, ns). */
  signal(now: bigint): void {
    const elapsed = this.#elapsed(now);
    const bounded = elapsed < this.#intervalMinNs ? this.#intervalMinNs : elapsed;
    const interval = bounded > this.#intervalMaxNs ? this.#intervalMaxNs : bounded;
    this.#intervalNs = (4n * this.#intervalNs + interval) / 5n;
    this.#lastSignal = now;
  }

  /** What the silence until `now` (monotonic, ns) means. */
  tardiness(now: bigint): Tardiness {
    const elapsed = this.#elapsed(now);
    if (2n * elapsed <= 3n * this.#intervalNs) return "green";
    return elapsed <= 3n * this.#intervalNs ? "yellow" : "red";
  }

  #elapsed(now: bigint): bigint {
    assert(now >= this.#lastSignal, () => `the monotonic clock went back from ${this.#lastSignal} to ${now}`);
    return now - this.#lastSignal;
  }
}
