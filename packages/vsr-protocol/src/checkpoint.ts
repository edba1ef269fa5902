/**
 * Checkpoint arithmetic (spec 03 §2.3, 04 §2): which ops are checkpoints, when they are written, and when the log may forget.
 *
 * A checkpoint at op `c` holds the state after `c`. It is written when the op `trigger(c)` commits, one bar later.
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import type { Config } from "./config/config.ts";

/** Whether a checkpoint can have this op: 0 (a fresh data file) or the last op of a bar. */
export function isCheckpointOp(config: Config, op: number): boolean {
  assert(Number.isSafeInteger(op) && op >= 0, () => `not an op: ${op}`);
  return op === 0 || (op + 1) % config.cluster.lsmCompactionOps === 0;
}

/** The op of the checkpoint that follows `checkpoint`. */
export function checkpointAfter(config: Config, checkpoint: number): number {
  assert(isCheckpointOp(config, checkpoint), () => `not a checkpoint: ${checkpoint}`);
  const next = checkpoint === 0 ? config.derived.vsrCheckpointOps - 1 : checkpoint + config.derived.vsrCheckpointOps;
  assert(isCheckpointOp(config, next) && next > checkpoint, () => `checkpoint ${next} after ${checkpoint}`);
  return next;
}

/** The op whose commit writes the checkpoint; null for 0, which `format` wrote. */
export function trigger(config: Config, checkpoint: number): number | null {
  assert(isCheckpointOp(config, checkpoint), () => `not a checkpoint: ${checkpoint}`);
  return checkpoint === 0 ? null : checkpoint + config.cluster.lsmCompactionOps;
}

/** The highest op that may be prepared before the checkpoint is known to be durable on a quorum; null for 0. */
export function prepareMax(config: Config, checkpoint: number): number | null {
  const triggerOp = trigger(config, checkpoint);
  return triggerOp === null ? null : triggerOp + 2 * config.cluster.pipelinePrepareQueueMax;
}

/**
 * Whether a commit number proves that a replication quorum has the checkpoint.
 *
 * Replicas withhold their acknowledgements of ops beyond `trigger + pipeline` until they have it themselves.
 */
export function durable(config: Config, checkpoint: number, commit: number): boolean {
  assert(Number.isSafeInteger(commit) && commit >= 0, () => `not a commit number: ${commit}`);
  const triggerOp = trigger(config, checkpoint);
  return triggerOp === null || commit > triggerOp + config.cluster.pipelinePrepareQueueMax;
}

/** The ids that a replica at a checkpoint knows (spec 04 §6.3). */
export interface CheckpointIds {
  /** The op of the checkpoint. */
  readonly op: number;
  /** The checksum of its CheckpointState. */
  readonly id: bigint;
  /** The id of the checkpoint before it. */
  readonly parentId: bigint;
  /** The id of the one before that. */
  readonly grandparentId: bigint;
}

/**
 * The checkpoint id that the prepare of `op` carries: that of the checkpoint two steps before the one that will contain
 * `op` (spec 03 §17.6). Null if the op is too old or too new for the replica to know.
 */
export function checkpointIdForOp(config: Config, checkpoint: CheckpointIds, op: number): bigint | null {
  const next = checkpointAfter(config, checkpoint.op);
  if (op + config.derived.vsrCheckpointOps <= checkpoint.op) return null;
  if (op <= checkpoint.op) return checkpoint.grandparentId;
  if (op <= next) return checkpoint.parentId;
  if (op <= checkpointAfter(config, next)) return checkpoint.id;
  return null;
}
