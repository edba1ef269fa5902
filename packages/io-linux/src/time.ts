/**
 * The clocks of the machine (spec 03 §2, spec 01 §4.5).
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import type { Time } from "@stagbeetle/vsr-protocol";

const NS_PER_MS = 1_000_000n;

/** Where the readings come from; tests pass their own. */
export interface ClockSources {
  /** Nanoseconds that never step back, from any start. */
  readonly monotonicNs: () => bigint;
  /** The wall clock in whole milliseconds since the Unix epoch. */
  readonly wallMs: () => number;
}

const SYSTEM_CLOCKS: ClockSources = { monotonicNs: () => process.hrtime.bigint(), wallMs: () => Date.now() };

/**
 * The system's clocks in nanoseconds.
 *
 * Node tells the wall clock to the millisecond. So the nanoseconds within it come from the monotonic clock, counted from
 * an anchor that moves as soon as the two disagree: `realtime` is always within the millisecond that the wall clock
 * shows, and follows it when it steps or is slewed.
 */
export class SystemTime implements Time {
  readonly #sources: ClockSources;
  #monotonicLast = 0n;
  /** What to add to the monotonic clock to get the wall clock. */
  #offset = 0n;

  constructor(sources: ClockSources = SYSTEM_CLOCKS) {
    this.#sources = sources;
  }

  /** `CLOCK_MONOTONIC`: it does not count while the machine is suspended. */
  monotonic(): bigint {
    const reading = this.#sources.monotonicNs();
    assert(
      reading >= this.#monotonicLast,
      () => `the monotonic clock went back from ${this.#monotonicLast} to ${reading}`,
    );
    this.#monotonicLast = reading;
    // 0 means "no time" in messages (spec 03 §35.2).
    return reading === 0n ? 1n : reading;
  }

  realtime(): bigint {
    const wallNs = BigInt(this.#sources.wallMs()) * NS_PER_MS;
    const monotonicNs = this.#sources.monotonicNs();
    const estimate = monotonicNs + this.#offset;
    const realtime = clamp(estimate, wallNs, wallNs + NS_PER_MS - 1n);
    this.#offset = realtime - monotonicNs;
    return realtime;
  }
}

function clamp(value: bigint, min: bigint, max: bigint): bigint {
  if (value < min) return min;
  return value > max ? max : value;
}
