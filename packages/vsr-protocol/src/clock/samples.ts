/**
 * An epoch of the cluster clock: what was learned about the other clocks since a moment (spec 03 §6.2).
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import type { Time } from "../ports/time.ts";
import type { Agreement, SourceInterval } from "./marzullo.ts";

/** What one exchange told about another clock. In nanoseconds. */
export interface ClockSample {
  /** How far the other clock is ahead of ours, asymmetry corrected. */
  readonly clockOffset: bigint;
  /** Half of the round trip: how wrong the offset can be. */
  readonly oneWayDelay: bigint;
}

/** Samples of all sources since a moment, the best of each, and what they agree on. */
export class Epoch {
  readonly #ownSource: number;
  readonly #sources: (ClockSample | null)[];
  /** Our own monotonic clock at the start (ns). */
  monotonic = 0n;
  /** Our own wall clock at the start (ns). */
  realtime = 0n;
  /** How many samples were seen, our own clock counted once. */
  samples = 1;
  /** Whether a sample came since the last look. */
  learned = false;
  /** What a quorum of sources agrees on, as offsets to our own clock; null if nothing. */
  synchronized: Agreement | null = null;

  constructor(sourceCount: number, ownSource: number) {
    assert(ownSource >= 0 && ownSource < sourceCount, () => `source ${ownSource} of ${sourceCount}`);
    this.#ownSource = ownSource;
    this.#sources = Array.from({ length: sourceCount }, () => null);
  }

  /** Starts anew: only our own clock is known, and it agrees with itself. */
  reset(time: Time): void {
    this.#sources.fill(null);
    this.#sources[this.#ownSource] = { clockOffset: 0n, oneWayDelay: 0n };
    this.monotonic = time.monotonic();
    this.realtime = time.realtime();
    this.samples = 1;
    this.learned = false;
    this.synchronized = null;
  }

  /** The best sample of a source, or null. */
  sample(source: number): ClockSample | null {
    const sample = this.#sources[source];
    assert(sample !== undefined, () => `source ${source} of ${this.#sources.length}`);
    return sample;
  }

  /** Keeps the sample with the smaller delay, of equal ones the newer. */
  learn(source: number, sample: ClockSample): void {
    assert(source !== this.#ownSource, "our own clock is known");
    assert(sample.oneWayDelay >= 0n, () => `a delay of ${sample.oneWayDelay}`);
    const known = this.sample(source);
    if (known === null || sample.oneWayDelay <= known.oneWayDelay) this.#sources[source] = sample;
    this.samples += 1;
    this.learned = true;
  }

  /** What each sampled source claims about the offset of the true time, if clocks may be off by `tolerance` (ns). */
  intervals(tolerance: bigint): readonly SourceInterval[] {
    const intervals: SourceInterval[] = [];
    for (const sample of this.#sources) {
      if (sample === null) continue;
      const error = sample.oneWayDelay + tolerance;
      intervals.push({ lower: sample.clockOffset - error, upper: sample.clockOffset + error });
    }
    return intervals;
  }

  /** The one-way delays to the other sources that were sampled, in ascending order (ns). */
  delaysOfOthers(): readonly bigint[] {
    const delays: bigint[] = [];
    for (const [source, sample] of this.#sources.entries()) {
      if (sample !== null && source !== this.#ownSource) delays.push(sample.oneWayDelay);
    }
    return delays.sort((left, right) => (left < right ? -1 : left > right ? 1 : 0));
  }
}
