/**
 * Where a replica stands in the log: its head, what it executed, what is known to be committed (spec 03 §3.3, §3.4).
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import type { Head } from "./head.ts";

/**
 * Three ops: executed ≤ committed, executed ≤ head. The head can go back, when a view change cuts off what was never committed,
 * and what is executed, when a state sync takes the checkpoint of another replica.
 */
export class LogPosition {
  #op = 0;
  #commitMin = 0;
  #commitMax = 0;
  readonly #pipelineMax: number;

  /** @param pipelineMax `pipeline_prepare_queue_max`: how far the head can be ahead of what is known to be committed. */
  constructor(pipelineMax: number) {
    this.#pipelineMax = pipelineMax;
  }

  /** The head: the highest op in this replica's log. */
  get op(): number {
    return this.#op;
  }

  /** The highest op that this replica's state machine executed. */
  get commitMin(): number {
    return this.#commitMin;
  }

  /** The highest op that is known to be committed by the cluster. */
  get commitMax(): number {
    return this.#commitMax;
  }

  /** Takes over where the log stands after recovery, once, at start-up. */
  recover({ op, commitMin, commitMax }: Head): void {
    assert(this.#op === 0 && this.#commitMax === 0, "the position is recovered once");
    this.#op = op;
    this.#commitMin = commitMin;
    this.#commitMax = commitMax;
    this.assertInvariants();
  }

  /** The head moves on to a prepare of the current view: to the next op, or over a gap that is repaired later. */
  advanceHead(op: number): void {
    assert(op > this.#op, () => `op ${op} after head ${this.#op}`);
    this.#op = op;
  }

  /**
   * Takes over the head and the `commit_max` of a log that was decided elsewhere: by a quorum of joined views or by the
   * primary's `view`. The head may go back, but never behind what is committed or executed here.
   *
   * @param commitMax what is committed in that log; what is known to be committed here never goes back.
   */
  installHead(op: number, commitMax: number): void {
    assert(op >= this.#commitMin, () => `head ${op} behind commit_min ${this.#commitMin}`);
    this.#op = op;
    this.learnCommitMax(commitMax);
    this.assertInvariants();
  }

  /**
   * A checkpoint of another replica took the place of the state here: all up to its op counts as executed, and nothing else.
   * What was executed beyond it, less than a bar, is executed again.
   */
  syncTo(opCheckpoint: number): void {
    assert(opCheckpoint <= this.#op, () => `a sync to ${opCheckpoint} beyond head ${this.#op}`);
    this.#commitMin = opCheckpoint;
    this.learnCommitMax(opCheckpoint);
  }

  /** The next op was executed. */
  executed(op: number): void {
    assert(op === this.#commitMin + 1, () => `op ${op} is executed after op ${this.#commitMin}`);
    assert(op <= this.#op, () => `op ${op} is executed beyond head ${this.#op}`);
    this.#commitMin = op;
    this.learnCommitMax(op);
  }

  /** All ops up to `op` are committed. Never lowers what is known. */
  learnCommitMax(op: number): void {
    this.#commitMax = Math.max(this.#commitMax, op);
  }

  /** What holds between any two handlers. */
  assertInvariants(): void {
    const { op, commitMin, commitMax } = this;
    assert(commitMin <= op, () => `commit_min ${commitMin} beyond head ${op}`);
    assert(commitMin <= commitMax, () => `commit_min ${commitMin} beyond commit_max ${commitMax}`);
    assert(commitMax >= op - this.#pipelineMax, () => `commit_max ${commitMax} too far behind head ${op}`);
  }
}
