/**
 * Simulated clocks (spec 07 §10.1).
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import type { Time } from "@stagbeetle/vsr-protocol";

/** How far, in nanoseconds, a wall clock lags behind the true time after `ticks` ticks. May be negative. */
export type ClockOffset = (ticks: number) => bigint;

/** A perfect wall clock. */
export const NO_OFFSET: ClockOffset = () => 0n;

/** A wall clock that starts `initialNs` behind and loses `driftNsPerTick` with every tick. */
export function linearOffset(driftNsPerTick: bigint, initialNs: bigint): ClockOffset {
  return (ticks) => driftNsPerTick * BigInt(ticks) + initialNs;
}

/** A wall clock that steps back by `stepNs` after tick `afterTicks`. */
export function stepOffset(stepNs: bigint, afterTicks: number): ClockOffset {
  return (ticks) => (ticks > afterTicks ? stepNs : 0n);
}

/** Nanoseconds in a tick of 10 ms. */
export const TICK_NS = 10_000_000n;

/** What passes from one reading to the next in random runs (ns): enough to matter now and then. */
export const READING_NS = 100_000n;

/** What a simulated clock starts from. */
export interface SimulatedTimeOptions {
  /** True time at tick 0, in nanoseconds since the Unix epoch. Default: 2023-11-14T22:13:20Z. */
  readonly epochNs?: bigint;
  readonly offset?: ClockOffset;
  /**
   * What passes on the monotonic clock from one reading to the next, up to the next tick (ns). Default: 0. On a real machine two
   * readings are rarely the same, and who reads it twice has to bear that.
   */
  readonly readingNs?: bigint;
}

/**
 * The clocks of one simulated machine. The wall clock stands still between calls of {@link SimulatedTime.tick}; the monotonic
 * one, too, unless it moves when it is read.
 */
export class SimulatedTime implements Time {
  readonly #epochNs: bigint;
  readonly #offset: ClockOffset;
  readonly #readingNs: bigint;
  /** Starts at 1: a monotonic clock never shows 0. */
  #ticks = 1;
  /** How far the monotonic clock is into its tick. */
  #sinceTickNs = 0n;

  constructor({ epochNs = 1_700_000_000_000_000_000n, offset = NO_OFFSET, readingNs = 0n }: SimulatedTimeOptions = {}) {
    assert(epochNs > 0n, () => `an epoch of ${epochNs} ns`);
    assert(readingNs >= 0n && readingNs < TICK_NS, () => `${readingNs} ns a reading, ${TICK_NS} ns a tick`);
    this.#epochNs = epochNs;
    this.#offset = offset;
    this.#readingNs = readingNs;
  }

  /** Lets 10 ms pass. */
  tick(): void {
    this.#ticks += 1;
    this.#sinceTickNs = 0n;
  }

  monotonic(): bigint {
    const now = this.#atTick + this.#sinceTickNs;
    if (this.#sinceTickNs + this.#readingNs < TICK_NS) this.#sinceTickNs += this.#readingNs;
    return now;
  }

  realtime(): bigint {
    return this.#epochNs + this.#atTick - this.#offset(this.#ticks);
  }

  get #atTick(): bigint {
    return BigInt(this.#ticks) * TICK_NS;
  }
}
