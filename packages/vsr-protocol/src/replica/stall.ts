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

/** How often a primary that is hardly ahead waits nevertheless. */
const PROBABILITY = { numerator: 2, denominator: 5 } as const;
/** Backups that are more checkpoints behind are not waited for. */
const LAG_MAX_CHECKPOINTS = 3;
/** The longest stall in ticks. */
const TICKS_MAX = 4;

/** What the length of a stall follows from. */
export interface StallOptions {
  readonly config: Config;
  readonly random: Random;
  readonly identity: Pick<Identity, "replica" | "solo">;
  readonly roles: Pick<Roles, "primary">;
  readonly log: Pick<LogPosition, "commitMin">;
  readonly pipeline: Pick<Pipeline, "prepares">;
  readonly progress: Pick<BackupProgress, "lag">;
}

/** For how many ticks the op at the head of the queue waits before it is executed: 0 to 4. To be asked once an op. */
export function stallTicks(options: StallOptions): number {
  const { config, random, identity, roles, log, pipeline, progress } = options;
  if (!roles.primary || identity.solo) return 0;
  const { vsrCheckpointOps } = config.derived;
  const lag = progress.lag(identity.replica, log.commitMin, LAG_MAX_CHECKPOINTS * vsrCheckpointOps);
  if (lag < config.cluster.pipelinePrepareQueueMax) {
    const moreToDo = pipeline.prepares.slice(1).some((prepare) => prepare.okQuorumReceived);
    return moreToDo && random.chance(PROBABILITY.numerator, PROBABILITY.denominator) ? 1 : 0;
  }
  const ticks = Math.min(Math.max(Math.floor(lag / Math.floor(vsrCheckpointOps / 4)), 1), TICKS_MAX);
  assert(ticks >= 1 && ticks <= TICKS_MAX, () => `a stall of ${ticks} ticks`);
  return ticks;
}
