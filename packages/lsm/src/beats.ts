/**
 * When what is compacted: ops as beats of half-bars and bars (spec 05 §6).
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import { type Config, trigger } from "@stagbeetle/vsr-protocol";

/** The arithmetic of one configuration. `op` is a committed op. */
export class Beats {
  /** Ops of a bar. */
  readonly bar: number;
  /** Ops of a half-bar. */
  readonly halfBar: number;
  readonly #config: Config;

  constructor(config: Config) {
    this.#config = config;
    this.bar = config.cluster.lsmCompactionOps;
    this.halfBar = this.bar / 2;
    assert(this.bar > 0 && Number.isInteger(this.halfBar), () => `a bar of ${this.bar} ops has no half`);
  }

  /** Whether compactions are planned at this op. */
  startsHalfBar(op: number): boolean {
    return op % this.halfBar === 0;
  }

  endsHalfBar(op: number): boolean {
    return op % this.halfBar === this.halfBar - 1;
  }

  endsBar(op: number): boolean {
    return op % this.bar === this.bar - 1;
  }

  /** Beats of this half-bar from `op` on, this one included. */
  beatsRemaining(op: number): number {
    return this.halfBar - (op % this.halfBar);
  }

  /** Whether tables are moved into this level during the half-bar of `op`: odd levels in the first half, even ones in the second. */
  levelActive(op: number, levelB: number): boolean {
    return op % this.bar < this.halfBar === (levelB % 2 === 1);
  }

  /** Whether this op compacts: not in the first bar, and not again what the checkpoint has already. */
  compacts(op: number, checkpoint: number): boolean {
    return op >= this.bar && !this.compactedBefore(op, checkpoint);
  }

  /** Whether the checkpoint that was opened holds what compaction did at this op. */
  compactedBefore(op: number, checkpoint: number): boolean {
    const triggerOp = trigger(this.#config, checkpoint);
    return triggerOp !== null && op <= triggerOp;
  }
}
