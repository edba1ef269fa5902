/**
 * Which ops the current checkpoint lets a replica prepare, acknowledge, commit and repair (spec 03 §2.3, §17).
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import { checkpointAfter, checkpointIdForOp, type CheckpointIds, durable, prepareMax, trigger } from "../checkpoint.ts";
import type { Config } from "../config/config.ts";

/** Where the windows come from. */
export interface CheckpointSource {
  /** The op of the checkpoint in the working superblock. */
  readonly opCheckpoint: () => number;
  /** The ids of the checkpoint that is being installed by a state sync, else of the working superblock's. */
  readonly checkpointSync: () => CheckpointIds;
}

/** All windows follow from the op of the checkpoint that is durable here, or is about to be by a state sync. */
export class CheckpointWindow {
  readonly #config: Config;
  readonly #source: CheckpointSource;

  constructor(config: Config, source: CheckpointSource) {
    this.#config = config;
    this.#source = source;
  }

  /** The op of the checkpoint: the state after it is durable. */
  get opCheckpoint(): number {
    return this.#source.opCheckpoint();
  }

  /** The op of the checkpoint that a state sync is about to install, else that of the checkpoint. */
  get opCheckpointSync(): number {
    const { op } = this.#source.checkpointSync();
    assert(op >= this.opCheckpoint, () => `a sync to checkpoint ${op} from ${this.opCheckpoint}`);
    return op;
  }

  /** The op that triggered the checkpoint: up to it a restart replays what the checkpoint partly holds. 0 for none. */
  get opCheckpointTrigger(): number {
    return trigger(this.#config, this.opCheckpoint) ?? 0;
  }

  /** The op of the checkpoint that comes next. */
  get opCheckpointNext(): number {
    return checkpointAfter(this.#config, this.opCheckpoint);
  }

  /** The op whose commit writes the next checkpoint. */
  get opCheckpointNextTrigger(): number {
    return known(trigger(this.#config, this.opCheckpointNext));
  }

  /** The highest op that may enter the log before the next checkpoint is known to be durable. */
  get opPrepareMax(): number {
    return known(prepareMax(this.#config, this.opCheckpointNext));
  }

  /** The op of the checkpoint after the one that a state sync is about to install, else {@link opCheckpointNext}. */
  get opCheckpointNextSync(): number {
    return checkpointAfter(this.#config, this.opCheckpointSync);
  }

  /** {@link opPrepareMax} once a state sync has installed its checkpoint. */
  get opPrepareMaxSync(): number {
    return known(prepareMax(this.#config, this.opCheckpointNextSync));
  }

  /**
   * The highest op to acknowledge. More would claim a checkpoint that this replica does not have (spec 03 §17.3).
   *
   * @param gridComplete whether every block of the checkpoint is here.
   */
  opPrepareOkMax(gridComplete: boolean, commitMax: number): number {
    const pipelineMax = this.#config.cluster.pipelinePrepareQueueMax;
    if (gridComplete || durable(this.#config, this.opCheckpoint, commitMax)) {
      return this.opCheckpointNextTrigger + pipelineMax;
    }
    return this.opCheckpointTrigger + pipelineMax;
  }

  /**
   * The oldest op whose prepare must be in the log (spec 03 §17.4).
   *
   * @param op the head.
   */
  opRepairMin(op: number, commitMax: number): number {
    const min = this.#opRepairMin(op, commitMax);
    assert(min <= op, () => `op_repair_min ${min} beyond head ${op}`);
    assert(op - min < this.#config.cluster.journalSlotCount, () => `ops ${min} to ${op} do not fit the log`);
    return min;
  }

  #opRepairMin(op: number, commitMax: number): number {
    const { opCheckpointSync: opCheckpoint } = this;
    if (!durable(this.#config, opCheckpoint, commitMax)) {
      return Math.max(0, opCheckpoint + 1 - this.#config.derived.vsrCheckpointOps);
    }
    if (op === opCheckpoint) return opCheckpoint;
    if (op > this.opPrepareMaxSync) {
      assert(
        durable(this.#config, this.opCheckpointNextSync, commitMax),
        () => `head ${op} overwrote ops that are needed`,
      );
      return Math.max(0, op + 1 - this.#config.cluster.journalSlotCount);
    }
    return opCheckpoint === 0 ? 0 : opCheckpoint + 1;
  }

  /**
   * The newest op to repair: what is committed, as far as it fits the log (spec 03 §17.5). What lies between the head and
   * it is missing here.
   *
   * @param op the head.
   */
  opRepairMax(op: number, commitMax: number): number {
    return Math.min(commitMax, Math.max(this.opPrepareMaxSync, op));
  }

  /**
   * The checkpoint id that the prepare of `op` carries (spec 03 §17.6). Null if the op is too old or too new for this
   * replica to know.
   */
  checkpointIdForOp(op: number): bigint | null {
    return checkpointIdForOp(this.#config, this.#source.checkpointSync(), op);
  }

  /** Whether replaying `op` after a restart must leave alone what the checkpoint holds already (spec 04 §22). */
  contains(op: number): boolean {
    return op <= this.opCheckpointTrigger;
  }
}

function known(op: number | null): number {
  assert(op !== null, "every checkpoint but that of op 0 has a trigger");
  return op;
}
