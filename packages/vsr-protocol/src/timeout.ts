/**
 * Timeouts that count ticks (spec 03 §5.2).
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import type { Config } from "./config/config.ts";
import type { Random } from "./random.ts";

const NS_PER_MS = 1_000_000n;

/** The largest exponent of the backoff: it saturates, so that it neither wraps nor overflows. */
const BACKOFF_EXPONENT_MAX = 63;

/**
 * How long to wait before attempt `attempt`: `min` and a random share of a window that doubles with each attempt, so that
 * those who failed together do not try again together. Never above `max`. The unit is the caller's.
 */
export function exponentialBackoffWithJitter(random: Random, min: number, max: number, attempt: number): number {
  assert(min >= 0 && max >= min, () => `a backoff from ${min} to ${max}`);
  assert(attempt >= 0, () => `attempt ${attempt}`);
  // A window of 0 would never grow.
  const window = Math.max(1, min) * 2 ** Math.min(attempt, BACKOFF_EXPONENT_MAX);
  return min + random.intInclusive(64, Math.min(max - min, window));
}

/** What a timeout is made of. */
export interface TimeoutOptions {
  /** For logs and assertions. */
  readonly name: string;
  /** How many ticks after its start it fires, unless backoff or jitter say otherwise. */
  readonly afterTicks: number;
  /** The source of jitter. */
  readonly random: Random;
  readonly config: Config;
}

/**
 * Fires a number of ticks after it was started. It never calls anything: after every `tick` its owner asks `fired` and
 * then has to reset, back off or stop it, before the next tick.
 */
export class Timeout {
  readonly name: string;
  readonly #afterTicks: number;
  readonly #random: Random;
  readonly #config: Config;
  /** When it fires, in ticks since the last start or reset; null if and only if it does not tick. */
  #afterDynamicTicks: number | null = null;
  #ticks = 0;
  #attempts = 0;
  #rttTicks: number;

  constructor({ name, afterTicks, random, config }: TimeoutOptions) {
    assert(Number.isInteger(afterTicks) && afterTicks > 0, () => `timeout ${name} after ${afterTicks} ticks`);
    this.name = name;
    this.#afterTicks = afterTicks;
    this.#random = random;
    this.#config = config;
    this.#rttTicks = config.process.rttTicks;
  }

  /** Whether it runs. */
  get ticking(): boolean {
    return this.#afterDynamicTicks !== null;
  }

  /** Ticks since the last start, reset or backoff. */
  get ticks(): number {
    return this.#ticks;
  }

  /** How often it backed off since the last start or reset, modulo 256. */
  get attempts(): number {
    return this.#attempts;
  }

  /** When it fires, in ticks since the last start, reset or backoff; null while it does not tick. */
  get afterDynamicTicks(): number | null {
    return this.#afterDynamicTicks;
  }

  /** The round trip that backoff allows for, in ticks. */
  get rttTicks(): number {
    return this.#rttTicks;
  }

  /** Whether its time has come. Stays true until the owner acts on it. */
  get fired(): boolean {
    if (this.#afterDynamicTicks === null) return false;
    assert(this.#ticks <= this.#afterDynamicTicks, () => `timeout ${this.name} fired and nobody reset it`);
    return this.#ticks === this.#afterDynamicTicks;
  }

  /** Counts one tick if it runs. */
  tick(): void {
    if (this.#afterDynamicTicks === null) return;
    assert(this.#ticks < this.#afterDynamicTicks, () => `timeout ${this.name} fired and nobody reset it`);
    this.#ticks += 1;
  }

  /** Begins to count, from 0, to the configured number of ticks. Also while it runs already. */
  start(): void {
    this.#attempts = 0;
    this.#ticks = 0;
    this.#afterDynamicTicks = this.#afterTicks;
  }

  /** Ends counting. Also while it does not run. */
  stop(): void {
    this.#attempts = 0;
    this.#ticks = 0;
    this.#afterDynamicTicks = null;
  }

  /** Counts from 0 again, for as long as the last time: what a backoff left is kept. */
  reset(): void {
    assert(this.#afterDynamicTicks !== null, () => `timeout ${this.name} is reset while it does not tick`);
    this.#attempts = 0;
    this.#ticks = 0;
  }

  /** Counts from 0 again, longer: two round trips, and a random number of ticks that grows with every attempt. */
  backoff(): void {
    assert(this.#afterDynamicTicks !== null, () => `timeout ${this.name} backs off while it does not tick`);
    const { backoffMinTicks, backoffMaxTicks, rttMultiple } = this.#config.process;
    this.#ticks = 0;
    this.#attempts = (this.#attempts + 1) % 256;
    this.#afterDynamicTicks =
      this.#rttTicks * rttMultiple +
      exponentialBackoffWithJitter(this.#random, backoffMinTicks, backoffMaxTicks, this.#attempts);
  }

  /** Counts from 0 again, to between half and one and a half of the configured ticks, so that replicas do not march in step. */
  resetWithJitter(): void {
    assert(this.#afterDynamicTicks !== null, () => `timeout ${this.name} is reset while it does not tick`);
    const half = Math.floor(this.#afterTicks / 2);
    this.#ticks = 0;
    this.#attempts = (this.#attempts + 1) % 256;
    // A timeout of one tick must not fire in no time.
    this.#afterDynamicTicks = Math.max(1, this.#random.rangeInclusive(64, half, 2 * this.#afterTicks - half));
  }

  /** Sets how many ticks after the last start or reset it fires, for owners that know better than the configuration. */
  setAfterDynamicTicks(afterTicks: number): void {
    assert(this.#afterDynamicTicks !== null, () => `timeout ${this.name} is set while it does not tick`);
    assert(Number.isInteger(afterTicks) && afterTicks > this.#ticks, () => `${this.name} after ${afterTicks} ticks`);
    this.#afterDynamicTicks = afterTicks;
  }

  /** Learns a measured round trip (ns ≥ 0), within bounds of one tick and `rttMaxTicks`. */
  setRttNs(rttNs: bigint): void {
    assert(rttNs >= 0n, () => `a round trip of ${rttNs} ns`);
    const { tickMs, rttMaxTicks } = this.#config.process;
    const ticks = Math.floor(Number(rttNs / NS_PER_MS) / tickMs);
    this.#rttTicks = Math.min(Math.max(1, ticks), rttMaxTicks);
  }
}
