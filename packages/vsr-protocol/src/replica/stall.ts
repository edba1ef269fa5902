/**
 * Slowing down the primary, so that the backups keep up with it (spec 03 §16.5).
 *
 * A quorum of fast replicas would otherwise leave the others behind for ever, and each of them one crash away from fetching
 * the whole state.
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import type { Config } from "../config/config.ts";
import type { Random } from "../random.ts";
import type { BackupProgress } from "./backup-progress.ts";
import type { Identity } from "./identity.ts";
import type { LogPosition } from "./log-position.ts";
import type { Pipeline } from "./pipeline.ts";
import type { Roles } from "./roles.ts";

/** How a primary waits for its backups. */
export interface CommitStall {
  /** How often a primary that is hardly ahead waits nevertheless, for one tick: in `numerator` of `denominator` cases. */
  readonly probability: { readonly numerator: number; readonly denominator: number };
  /** From how many ops on a backup is behind. */
  readonly lagMin: number;
  /** Backups that are more ops behind are not waited for. */
  readonly lagMax: number;
  /** The longest stall in ticks. */
  readonly ticksMax: number;
}

/** How a primary waits unless it is told otherwise (spec 03 §16.5). */
export function commitStallDefaults({ cluster, derived }: Config): CommitStall {
  return {
    probability: { numerator: 2, denominator: 5 },
    lagMin: cluster.pipelinePrepareQueueMax,
    lagMax: 3 * derived.vsrCheckpointOps,
    ticksMax: 4,
  };
}

/** @throws AssertionError if nobody can wait like this. */
export function assertCommitStall({ probability, lagMin, lagMax, ticksMax }: CommitStall): void {
  const { numerator, denominator } = probability;
  assert(
    numerator >= 0 && numerator <= denominator && denominator > 0 && Number.isSafeInteger(denominator),
    () => `a probability of ${numerator}/${denominator}`,
  );
  assert(lagMin >= 0 && lagMin <= lagMax, () => `a lag of ${lagMin} to ${lagMax} ops`);
  assert(Number.isInteger(ticksMax) && ticksMax >= 1, () => `a stall of at most ${ticksMax} ticks`);
}

/** What the length of a stall follows from. */
export interface StallOptions {
  readonly config: Config;
  readonly random: Random;
  /** Without it: {@link commitStallDefaults}. */
  readonly commitStall?: CommitStall;
  readonly identity: Pick<Identity, "replica" | "solo">;
  readonly roles: Pick<Roles, "primary">;
  readonly log: Pick<LogPosition, "commitMin">;
  readonly pipeline: Pick<Pipeline, "prepares">;
  readonly progress: Pick<BackupProgress, "lag">;
}

/** For how many ticks the op at the head of the queue waits before it is executed, possibly 0. To be asked once an op. */
export function stallTicks(options: StallOptions): number {
  const { config, random, identity, roles, log, pipeline, progress } = options;
  if (!roles.primary || identity.solo) return 0;
  const { probability, lagMin, lagMax, ticksMax } = options.commitStall ?? commitStallDefaults(config);
  const lag = progress.lag(identity.replica, log.commitMin, lagMax);
  if (lag < lagMin) {
    const moreToDo = pipeline.prepares.slice(1).some((prepare) => prepare.okQuorumReceived);
    return moreToDo && random.chance(probability.numerator, probability.denominator) ? 1 : 0;
  }
  const ticks = Math.min(Math.max(Math.floor(lag / Math.floor(config.derived.vsrCheckpointOps / 4)), 1), ticksMax);
  assert(ticks >= 1 && ticks <= ticksMax, () => `a stall of ${ticks} ticks`);
  return ticks;
}
