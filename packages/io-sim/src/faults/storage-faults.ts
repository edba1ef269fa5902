/**
 * How a simulated disk misbehaves: probabilities and delays (spec 07 §7.3, §8).
 *
 * @module
 */

import type { Random } from "@stagbeetle/vsr-protocol";

/** A probability as a ratio of whole numbers. */
export interface Ratio {
  readonly numerator: number;
  readonly denominator: number;
}

/** A probability of 0. */
export const NEVER: Ratio = { numerator: 0, denominator: 1 };

/** A probability of 1. */
export const ALWAYS: Ratio = { numerator: 1, denominator: 1 };

/** Draws once. A probability of 0 takes no draw. */
export function chance(random: Random, { numerator, denominator }: Ratio): boolean {
  return numerator > 0 && random.chance(numerator, denominator);
}

/** How long reads or writes take: max(minimum, an exponential draw), in microseconds. */
export interface Latency {
  readonly minimumMicroseconds: number;
  readonly meanMicroseconds: number;
}

/** What happens to a write that is under way when the machine stops. Weights, at least one above 0. */
export interface CrashOutcomes {
  /** Nothing of it reached the disk. */
  readonly lost: number;
  /** Every sector of it did, or did not, by itself. */
  readonly torn: number;
  /** All of it did, but nobody was told. */
  readonly complete: number;
}

/** All that can go wrong. */
export interface StorageFaults {
  readonly readLatency: Latency;
  readonly writeLatency: Latency;
  /** A sector that is read turns out to be corrupt, until it is written again. */
  readonly readFault: Ratio;
  /** A sector that is written is corrupt at once. */
  readonly writeFault: Ratio;
  /** A write lands in another place of its zone: its target keeps the old bytes, the other place shows the new ones. */
  readonly writeMisdirect: Ratio;
  readonly crashOutcomes: CrashOutcomes;
  /** One sector under a write that a crash interrupted is corrupt. */
  readonly crashFault: Ratio;
}

const NO_LATENCY: Latency = { minimumMicroseconds: 0, meanMicroseconds: 0 };

/** A disk that does what it should, at once; a crash loses what was under way. */
export const NO_STORAGE_FAULTS: StorageFaults = {
  readLatency: NO_LATENCY,
  writeLatency: NO_LATENCY,
  readFault: NEVER,
  writeFault: NEVER,
  writeMisdirect: NEVER,
  crashOutcomes: { lost: 1, torn: 0, complete: 0 },
  crashFault: NEVER,
};
