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

/** What a simulated clock starts from. */
export interface SimulatedTimeOptions {
  /** True time at tick 0, in nanoseconds since the Unix epoch. Default: 2023-11-14T22:13:20Z. */
  readonly epochNs?: bigint;
  readonly offset?: ClockOffset;
}

/** The clocks of one simulated machine. They stand still between calls of {@link SimulatedTime.tick}. */
export class SimulatedTime implements Time {
  readonly #epochNs: bigint;
  readonly #offset: ClockOffset;
  /** Starts at 1: a monotonic clock never shows 0. */
  #ticks = 1;

  constructor({ epochNs = 1_700_000_000_000_000_000n, offset = NO_OFFSET }: SimulatedTimeOptions = {}) {
    assert(epochNs > 0n, () => `an epoch of ${epochNs} ns`);
    this.#epochNs = epochNs;
    this.#offset = offset;
  }

  /** Lets 10 ms pass. */
  tick(): void {
    this.#ticks += 1;
  }

  monotonic(): bigint {
    return BigInt(this.#ticks) * TICK_NS;
  }

  realtime(): bigint {
    return this.#epochNs + this.monotonic() - this.#offset(this.#ticks);
  }
}
