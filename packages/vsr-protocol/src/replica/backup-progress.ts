/**
 * How far the others are, as their acknowledgements tell the primary (spec 03 §14.5, §16.5).
 *
 * Only for deciding how fast to go: nothing is committed by it.
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";

/** What a replica executed and wrote, at least. */
interface Progress {
  commitMin: number;
  headOp: number;
}

/** The progress of all replicas in the view of this primary. */
export class BackupProgress {
  readonly #progress: Progress[] = [];

  /** To be called once, when it is known how many replicas there are. */
  load(replicaCount: number): void {
    assert(this.#progress.length === 0, "the number of replicas never changes");
    for (let replica = 0; replica < replicaCount; replica += 1) this.#progress.push({ commitMin: 0, headOp: 0 });
  }

  /** Forgets everything: a new view begins. */
  reset(): void {
    for (const progress of this.#progress) {
      progress.commitMin = 0;
      progress.headOp = 0;
    }
  }

  /** A replica acknowledged `op` when it had executed up to `commitMin`. */
  acknowledged(replica: number, op: number, commitMin: number): void {
    const progress = this.#of(replica);
    progress.commitMin = Math.max(progress.commitMin, commitMin);
    progress.headOp = Math.max(progress.headOp, op);
  }

  /** A replica completed a quorum: what it said last is what counts. */
  completed(replica: number, commitMin: number): void {
    this.#of(replica).commitMin = commitMin;
  }

  /**
   * How many ops that they have the slowest of the other replicas have not executed. Replicas more than `lagMax` ops
   * behind are not waited for: they are gone, or about to fetch the whole state.
   *
   * @param commitMin what this primary, `replica`, executed.
   */
  lag(replica: number, commitMin: number, lagMax: number): number {
    let lag = 0;
    for (const [other, { commitMin: executed, headOp }] of this.#progress.entries()) {
      if (other === replica || commitMin - executed > lagMax) continue;
      lag = Math.max(lag, Math.min(headOp, commitMin) - executed);
    }
    return lag;
  }

  #of(replica: number): Progress {
    const progress = this.#progress[replica];
    assert(progress !== undefined, () => `replica ${replica} of ${this.#progress.length}`);
    return progress;
  }
}
