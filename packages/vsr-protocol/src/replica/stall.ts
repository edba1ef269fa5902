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

/** How much a primary slows down. All replicas may have other limits. */
export interface StallLimits {
  /** How often a primary whose backups keep up waits nevertheless, when it has more to do. */
  readonly probability: Ratio;
  /** From how many ops on that the slowest backup is behind, it is waited for at every op. */
  readonly lagMin: number;
  /** Backups that are further behind are gone, or about to fetch the whole state: they are not waited for. In ops. */
  readonly lagMax: number;
  /** The longest stall in ticks. */
  readonly multipleMax: number;
}

/** A probability as a ratio of whole numbers. */
interface Ratio {
  readonly numerator: number;
  readonly denominator: number;
}

/** Backups that are more checkpoints behind are not waited for. */
const LAG_MAX_CHECKPOINTS = 3;

/** What is used unless the operator says otherwise. */
export function stallLimits({ cluster, derived }: Config): StallLimits {
  return {
    probability: { numerator: 2, denominator: 5 },
    lagMin: cluster.pipelinePrepareQueueMax,
    lagMax: LAG_MAX_CHECKPOINTS * derived.vsrCheckpointOps,
    multipleMax: 4,
  };
}

/** What the length of a stall follows from. */
export interface StallOptions {
  readonly config: Config;
  /** Those of {@link stallLimits} unless given. */
  readonly stall?: StallLimits | undefined;
  readonly random: Random;
  readonly identity: Pick<Identity, "replica" | "solo">;
  readonly roles: Pick<Roles, "primary">;
  readonly log: Pick<LogPosition, "commitMin">;
  readonly pipeline: Pick<Pipeline, "prepares">;
  readonly progress: Pick<BackupProgress, "lag">;
}

/** For how many ticks the op at the head of the queue waits before it is executed; 0 for not at all. To be asked once an op. */
export function stallTicks(options: StallOptions): number {
  const { config, random, identity, roles, log, pipeline, progress } = options;
  if (!roles.primary || identity.solo) return 0;
  const { probability, lagMin, lagMax, multipleMax } = options.stall ?? stallLimits(config);
  const lag = progress.lag(identity.replica, log.commitMin, lagMax);
  if (lag < lagMin) {
    const moreToDo = pipeline.prepares.slice(1).some((prepare) => prepare.okQuorumReceived);
    return moreToDo && random.chance(probability.numerator, probability.denominator) ? 1 : 0;
  }
  const ticks = Math.min(Math.max(Math.floor(lag / Math.floor(config.derived.vsrCheckpointOps / 4)), 1), multipleMax);
  assert(ticks >= 1 && ticks <= multipleMax, () => `a stall of ${ticks} ticks`);
  return ticks;
}
