/**
 * Merges a run on the disk with a younger one in memory, to another place on the disk.
 *
 * @module
 */
import { assert, MergeStep, type Pointer, type Run, RunMerge, type ValueKernels } from "@stagbeetle/kernels";
import type { Spill } from "./spill.ts";
import type { SpilledPages } from "./spilled-pages.ts";
import { SpilledReader } from "./spilled-reader.ts";

/** One merge at a time, for all trees. */
export class SpilledMerge {
  readonly spill: Spill;
  readonly #reader: SpilledReader;
  readonly #runs: RunMerge;
  readonly #step: MergeStep;
  readonly #output: Pointer;

  constructor(spill: Spill) {
    const { kernels, pageSizeBytes, pagesAtOnce } = spill;
    this.spill = spill;
    this.#reader = new SpilledReader(spill);
    this.#runs = new RunMerge(kernels, "spill");
    this.#step = new MergeStep(kernels, "spill");
    this.#output = kernels.memory.allocate(pagesAtOnce * pageSizeBytes, 64, "spill");
  }

  /** Of equal keys the younger run's value stays, or, in a secondary index, neither. `into` is empty before. */
  run(values: ValueKernels, older: SpilledPages, younger: Run, into: SpilledPages): void {
    assert(older.count > 0 && into.count === 0, () => `a merge of ${older.count} values behind ${into.count}`);
    const { sizeBytes } = values.layout;
    const room = this.spill.pagesAtOnce * older.valuesPerPage;
    this.#runs.open(values, [younger], this.#reader.open(older));
    while (this.#runs.remaining > 0) {
      this.#step.setB(0, 0);
      this.#step.setTarget(this.#output, this.#output + room * sizeBytes);
      this.#step.mergeRuns(values, this.#runs, false, room);
      const count = (this.#step.target - this.#output) / sizeBytes;
      assert(count === room || this.#runs.remaining === 0, () => `a merge stops after ${count} of ${room} values`);
      if (count > 0) into.append(this.#output, count);
    }
  }
}
