/**
 * Which ops the current checkpoint lets a replica prepare, acknowledge, commit and repair (spec 03 §2.3, §17).
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import { checkpointAfter, durable, prepareMax, trigger } from "../checkpoint.ts";
import type { Config } from "../config/config.ts";

/** All windows follow from the op of the checkpoint that is durable here. */
export class CheckpointWindow {
  readonly #config: Config;
  readonly #opCheckpoint: () => number;

  /** @param opCheckpoint the op of the checkpoint in the working superblock. */
  constructor(config: Config, opCheckpoint: () => number) {
    this.#config = config;
    this.#opCheckpoint = opCheckpoint;
  }

  /** The op of the checkpoint: the state after it is durable. */
  get opCheckpoint(): number {
    return this.#opCheckpoint();
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
    const { opCheckpoint } = this;
    if (!durable(this.#config, opCheckpoint, commitMax)) {
      return Math.max(0, opCheckpoint + 1 - this.#config.derived.vsrCheckpointOps);
    }
    if (op === opCheckpoint) return opCheckpoint;
    if (op > this.opPrepareMax) {
      assert(durable(this.#config, this.opCheckpointNext, commitMax), () => `head ${op} overwrote ops that are needed`);
      return op + 1 - this.#config.cluster.journalSlotCount;
    }
    return opCheckpoint === 0 ? 0 : opCheckpoint + 1;
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
