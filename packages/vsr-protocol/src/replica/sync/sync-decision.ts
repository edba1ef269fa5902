/**
 * Whether to take the checkpoint of a `view` in place of the own one (spec 03 §21.1).
 *
 * @module
 */
import { checkpointAfter, durable } from "../../checkpoint.ts";
import type { Config } from "../../config/config.ts";

/** Where this replica stands, and what the primary says. */
export interface SyncFacts {
  /** The op of the checkpoint here. */
  readonly opCheckpoint: number;
  /** The op of the primary's checkpoint. */
  readonly checkpointOp: number;
  /** What is committed, as the primary says. */
  readonly commitMax: number;
  /** Whether no state sync is under way and the repair of the log leads nowhere. */
  readonly likelyStuck: boolean;
}

/**
 * What to do about a `view`.
 *
 * - `repair`: the log of this replica leads to the primary's state, as far as can be told.
 * - `sync`: what this replica lacks is gone from the logs of the others, or hard to get.
 */
export type SyncDecision = "repair" | "sync";

/**
 * A checkpoint that is not durable may be on a single replica, and damaged there. It is taken only by a replica that is two
 * checkpoints behind, whose own log is worthless.
 */
export function decideSync(config: Config, facts: SyncFacts): SyncDecision {
  const { opCheckpoint, checkpointOp, commitMax, likelyStuck } = facts;
  const next = checkpointAfter(config, opCheckpoint);
  if (checkpointOp <= opCheckpoint || !durable(config, next, commitMax)) return "repair";
  const farBehind = durable(config, checkpointAfter(config, next), commitMax);
  return farBehind || likelyStuck ? "sync" : "repair";
}
