/**
 * The cluster clock: wall-clock time that agrees with a quorum of replicas (spec 03 §6).
 *
 * Replicas exchange clock readings in pings and pongs. During a *window* the best sample of each peer is collected; when a
 * quorum agrees, the window becomes the *epoch*, by which the clock is read until the next one.
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import type { Config } from "../config/config.ts";
import type { Logger } from "../ports/logger.ts";
import type { Time } from "../ports/time.ts";
import { smallestInterval } from "./marzullo.ts";
import { Epoch } from "./samples.ts";

const NS_PER_MS = 1_000_000n;
/** Offsets that differ by less are not called asymmetric. */
const ASYMMETRY_TOLERANCE_NS = 10n * NS_PER_MS;
/** From here on an operator should know that the own wall clock is off. */
const CLOCK_DELTA_WARN_NS = 50n * NS_PER_MS;
const TOLERANCE_ROUNDS_MAX = 64;

/** What a clock is made of. */
export interface ClockOptions {
  readonly config: Config;
  readonly time: Time;
  readonly logger: Logger;
  /** How many replicas vote. */
  readonly replicaCount: number;
  /** The own index; from `replicaCount` on, a standby's. */
  readonly replica: number;
  /** How many replicas must have a prepare. */
  readonly quorumReplication: number;
}

/** The clock of one replica or standby. */
export class Clock {
  readonly #time: Time;
  readonly #logger: Logger;
  readonly #sourceCount: number;
  readonly #ownSource: number;
  readonly #quorum: number;
  readonly #windowMinNs: bigint;
  readonly #windowMaxNs: bigint;
  readonly #epochMaxNs: bigint;
  readonly #toleranceMaxNs: bigint;
  /** By which the clock is read. */
  #epoch: Epoch;
  /** Which is being collected. */
  #window: Epoch;
  #clockDeltaNs = 0n;

  constructor({ config, time, logger, replicaCount, replica, quorumReplication }: ClockOptions) {
    assert(
      replicaCount > 0 && quorumReplication > 0 && quorumReplication <= replicaCount,
      () => `quorum ${quorumReplication} of ${replicaCount}`,
    );
    const standby = replica >= replicaCount;
    this.#time = time;
    this.#logger = logger;
    // A standby follows the replicas and is one source more; the replicas do not follow it.
    this.#sourceCount = standby ? replicaCount + 1 : replicaCount;
    this.#ownSource = standby ? replicaCount : replica;
    this.#quorum = standby ? quorumReplication + 1 : quorumReplication;
    assert(this.disabled || this.#quorum > 1, "a clock does not agree with itself alone");
    this.#windowMinNs = milliseconds(config.process.clockSynchronizationWindowMinMs);
    this.#windowMaxNs = milliseconds(config.process.clockSynchronizationWindowMaxMs);
    this.#epochMaxNs = milliseconds(config.process.clockEpochMaxMs);
    this.#toleranceMaxNs = milliseconds(config.process.clockOffsetToleranceMaxMs);
    this.#epoch = new Epoch(this.#sourceCount, this.#ownSource);
    this.#window = new Epoch(this.#sourceCount, this.#ownSource);
    this.#epoch.reset(time);
    this.#window.reset(time);
  }

  /** Whether there is nobody to agree with: the only replica trusts its own clock. */
  get disabled(): boolean {
    return this.#sourceCount === 1;
  }

  /** How far the own wall clock was outside the agreed bounds at the last agreement (ns). */
  get clockDeltaNs(): bigint {
    return this.#clockDeltaNs;
  }

  /** The own monotonic clock (ns): what a ping carries. */
  monotonic(): bigint {
    return this.#time.monotonic();
  }

  /** The own wall clock (ns): what a pong carries. */
  realtime(): bigint {
    return this.#time.realtime();
  }

  /** The own wall clock within the bounds that a quorum agreed on (ns), or null if there is no agreement. */
  realtimeSynchronized(): bigint | null {
    if (this.disabled) return this.realtime();
    const { synchronized } = this.#epoch;
    if (synchronized === null) return null;
    const start = this.#epoch.realtime + this.#elapsed(this.#epoch);
    return clamp(this.realtime(), start + synchronized.lower, start + synchronized.upper);
  }

  /** The median round trip to the other sources in the window (ns); null while fewer than a quorum answered. */
  roundTripTimeMedian(): bigint | null {
    const delays = this.#window.delaysOfOthers();
    if (delays.length < this.#quorum) return null;
    const median = delays[Math.floor(delays.length / 2)];
    assert(median !== undefined, "a list that is not empty has a median");
    return 2n * median;
  }

  /**
   * Learns from a pong. Any values are safe.
   *
   * @param replica who sent it. Standbys are ignored.
   * @param pingMonotonic our monotonic clock when we sent the ping, as echoed (ns).
   * @param pongRealtime the other's wall clock (ns).
   * @param receivedMonotonic our monotonic clock now (ns).
   */
  learn(replica: number, pingMonotonic: bigint, pongRealtime: bigint, receivedMonotonic: bigint): void {
    if (this.disabled || replica >= this.#sourceCount || replica === this.#ownSource) return;
    const window = this.#window;
    if (pingMonotonic > receivedMonotonic || pingMonotonic < window.monotonic) return;
    const elapsed = receivedMonotonic - window.monotonic;
    if (elapsed > this.#windowMaxNs) return;
    const oneWayDelay = (receivedMonotonic - pingMonotonic) / 2n;
    const offset = pongRealtime + oneWayDelay - (window.realtime + elapsed);
    window.learn(replica, { oneWayDelay, clockOffset: offset + this.#asymmetry(replica, oneWayDelay, offset) });
  }

  /** To be called every tick. */
  tick(): void {
    if (this.disabled) return;
    this.#synchronize();
    if (this.#elapsed(this.#epoch) >= this.#epochMaxNs) {
      this.#logger.log("error", "clock: no agreement on cluster time");
      this.#epoch.reset(this.#time);
    }
  }

  /** A slower exchange than the best known one has spent the difference on one of its two ways: which one, its offset tells. */
  #asymmetry(source: number, oneWayDelay: bigint, offset: bigint): bigint {
    const known = this.#epoch.sample(source);
    if (known === null || oneWayDelay <= known.oneWayDelay) return 0n;
    const excess = oneWayDelay - known.oneWayDelay;
    if (offset > known.clockOffset + ASYMMETRY_TOLERANCE_NS) return -excess;
    if (offset < known.clockOffset - ASYMMETRY_TOLERANCE_NS) return excess;
    return 0n;
  }

  #synchronize(): void {
    const window = this.#window;
    const elapsed = this.#elapsed(window);
    if (elapsed < this.#windowMinNs) return;
    if (elapsed >= this.#windowMaxNs) {
      this.#logger.log("warn", "clock: no agreement within the window", { samples: window.samples });
      window.reset(this.#time);
      return;
    }
    if (!window.learned) return;
    window.learned = false;
    this.#agree(window);
    if (window.synchronized === null) return;
    this.#window = this.#epoch;
    this.#epoch = window;
    this.#window.reset(this.#time);
    this.#onSynchronized();
  }

  /** Halves the tolerance for as long as a quorum still agrees, so that the tightest agreement wins. */
  #agree(window: Epoch): void {
    let tolerance = this.#toleranceMaxNs;
    for (let round = 0; round < TOLERANCE_ROUNDS_MAX; round++) {
      const agreement = smallestInterval(window.intervals(tolerance));
      if (agreement.sourcesTrue < this.#quorum) return;
      window.synchronized = agreement;
      if (tolerance === 0n) return;
      tolerance /= 2n;
    }
  }

  #onSynchronized(): void {
    const { synchronized, realtime } = this.#epoch;
    assert(synchronized !== null, "the epoch is synchronized");
    const start = realtime + this.#elapsed(this.#epoch);
    const system = this.realtime();
    const cluster = clamp(system, start + synchronized.lower, start + synchronized.upper);
    const delta = system > cluster ? system - cluster : cluster - system;
    this.#clockDeltaNs = delta;
    if (delta >= CLOCK_DELTA_WARN_NS) {
      const direction = system > cluster ? "ahead of" : "behind";
      this.#logger.log("warn", `clock: system time is ${delta / NS_PER_MS} ms ${direction} cluster time`);
    }
  }

  #elapsed(epoch: Epoch): bigint {
    const now = this.#time.monotonic();
    assert(now >= epoch.monotonic, () => `the monotonic clock went back from ${epoch.monotonic} to ${now}`);
    return now - epoch.monotonic;
  }
}

function milliseconds(ms: number): bigint {
  return BigInt(ms) * NS_PER_MS;
}

function clamp(value: bigint, lower: bigint, upper: bigint): bigint {
  assert(lower <= upper, () => `${lower} to ${upper}`);
  if (value < lower) return lower;
  return value > upper ? upper : value;
}
