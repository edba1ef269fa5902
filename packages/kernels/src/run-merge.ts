/**
 * The merge of a memory table's sorted runs into one ascending stream without duplicates (spec 05 §7.8), and one step of
 * merging two levels into an output block (spec 05 §11.3). `assembly/merge.ts` has the loops.
 */

import { assert, fail } from "./assert.ts";
import type { Kernels } from "./kernels.ts";
import type { Pointer } from "./linear-memory.ts";
import { mergeFaults, type ValueKernels } from "./value-kernels.ts";

/** How many runs can be merged: those of a bar, and one that was absorbed. */
const mergeRunsMax: number = 40;

// Offsets as in assembly/merge.ts.
const runCountOffset = 0;
const inputOffset = 4;
const outOffset = 8;
const droppedOffset = 12;
const absentOffset = 32;
const runsOffset = 48;
const runMergeSizeBytes = runsOffset + 8 * mergeRunsMax + 4 * mergeRunsMax + 8 * mergeRunsMax;

/** A run of ascending values: bytes from `begin` to before `end`. */
export interface Run {
  readonly begin: Pointer;
  readonly end: Pointer;
}

/** Brings a run to memory piece by piece. */
export interface RunSource {
  /** Values that were not brought yet. */
  readonly left: number;
  /** Brings the next piece: of two values at least, unless it is the last. The piece before stays where it is. */
  next(): Run;
}

/** Where a merge of runs stands. Its runs must not change meanwhile. */
export class RunMerge {
  readonly pointer: Pointer;
  readonly #kernels: Kernels;
  #values: ValueKernels | null = null;
  #oldest: RunSource | null = null;

  constructor(kernels: Kernels, label: string) {
    this.#kernels = kernels;
    this.pointer = kernels.memory.allocate(runMergeSizeBytes, 16, label);
  }

  /**
   * Begins to merge runs, the oldest first: of equal keys, the value of the older run comes first. None is empty.
   *
   * @param oldest one more run, older than all others, that is brought piece by piece.
   */
  open(values: ValueKernels, inMemory: readonly Run[], oldest: RunSource | null = null): void {
    const runs = oldest === null ? inMemory : [oldest.next(), ...inMemory];
    this.#values = values;
    this.#oldest = oldest;
    assert(runs.length > 0 && runs.length <= mergeRunsMax, () => `merge of ${runs.length} runs`);
    const { memory, exports } = this.#kernels;
    const { sizeBytes } = values.layout;
    const { u32 } = memory;
    u32.fill(0, this.pointer / 4, (this.pointer + runMergeSizeBytes) / 4);
    let input = oldest?.left ?? 0;
    for (const [number, run] of runs.entries()) {
      const size = run.end - run.begin;
      assert(size > 0 && size % sizeBytes === 0, () => `run ${number} has ${size} bytes`);
      memory.assertRange(run.begin, size);
      u32[(this.pointer + runsOffset) / 4 + 2 * number] = run.begin;
      u32[(this.pointer + runsOffset) / 4 + 2 * number + 1] = run.end;
      input += size / sizeBytes;
    }
    u32[(this.pointer + runCountOffset) / 4] = runs.length;
    u32[(this.pointer + inputOffset) / 4] = input;
    u32[(this.pointer + absentOffset) / 4] = oldest?.left ?? 0;
    exports.runMergeOpen(values.pointer, this.pointer);
  }

  /** Brings the next piece of the oldest run, where the merge has come to the end of the one before. */
  bringOldest(): void {
    const { memory, exports } = this.#kernels;
    const values = this.#values;
    const oldest = this.#oldest;
    assert(values !== null && oldest !== null && oldest.left > 0, "the oldest run is in memory");
    const { begin, end } = oldest.next();
    memory.assertRange(begin, end - begin);
    assert(begin < end, "a piece of a run is empty");
    memory.u32[(this.pointer + runsOffset) / 4] = begin;
    memory.u32[(this.pointer + runsOffset) / 4 + 1] = end;
    memory.u32[(this.pointer + absentOffset) / 4] = oldest.left;
    exports.runMergeResume(values.pointer, this.pointer);
  }

  /** Values of all runs, duplicates included. */
  get input(): number {
    return this.#field(inputOffset);
  }

  /** Values that neither came out nor were dropped. */
  get remaining(): number {
    return this.input - this.#field(outOffset) - this.#field(droppedOffset);
  }

  #field(offset: number): number {
    return this.#kernels.memory.u32[(this.pointer + offset) / 4] as number;
  }
}

const stepSizeBytes = 32;
/** What a step over runs ends with when the oldest run has to be brought on. */
const needsValues = 3;

/**
 * One step of a merge: what is left of a block of level A (or of a memory table) and of a block of level B goes to the free
 * room of an output block, until one of the three is used up.
 */
export class MergeStep {
  readonly #kernels: Kernels;
  readonly #pointer: Pointer;

  constructor(kernels: Kernels, label: string) {
    this.#kernels = kernels;
    this.#pointer = kernels.memory.allocate(stepSizeBytes, 16, label);
  }

  /** Bytes of level A: from `begin` to before `end`; equal if it is exhausted. {@link a} says how far the step came. */
  setA(begin: Pointer, end: Pointer): void {
    this.#set(0, begin, end);
  }

  setB(begin: Pointer, end: Pointer): void {
    this.#set(2, begin, end);
  }

  /** The free room of the output. */
  setTarget(begin: Pointer, end: Pointer): void {
    assert(begin < end, () => `no room in the output at ${begin}`);
    this.#set(4, begin, end);
  }

  /** Where level A was read up to. */
  get a(): Pointer {
    return this.#get(0);
  }

  get b(): Pointer {
    return this.#get(2);
  }

  /** Where the output was written up to. */
  get target(): Pointer {
    return this.#get(4);
  }

  /** Merges two blocks. Values of B are never dropped, not even tombstones. */
  mergeBlocks(values: ValueKernels, dropTombstones: boolean): void {
    this.#begin(dropTombstones, 0);
    this.#end(this.#kernels.exports.mergeStepBlocks(values.pointer, this.#pointer));
  }

  /** Merges runs of a memory table as level A with a block, or none, of level B; at most `popsMax` values of A. */
  mergeRuns(values: ValueKernels, runs: RunMerge, dropTombstones: boolean, popsMax: number): void {
    const { exports } = this.#kernels;
    this.#begin(dropTombstones, popsMax);
    let ended = exports.mergeStepRuns(values.pointer, this.#pointer, runs.pointer);
    while (ended === needsValues) {
      runs.bringOldest();
      ended = exports.mergeStepRuns(values.pointer, this.#pointer, runs.pointer);
    }
    this.#end(ended);
  }

  #begin(dropTombstones: boolean, popsMax: number): void {
    const { u32 } = this.#kernels.memory;
    u32[this.#pointer / 4 + 6] = dropTombstones ? 1 : 0;
    u32[this.#pointer / 4 + 7] = popsMax;
  }

  #end(fault: number): void {
    if (fault !== 0) fail(mergeFaults[fault] ?? `merge fault ${fault}`);
  }

  #set(lane: number, begin: Pointer, end: Pointer): void {
    assert(begin <= end, () => `a range from ${begin} to ${end}`);
    if (begin < end) this.#kernels.memory.assertRange(begin, end - begin);
    const { u32 } = this.#kernels.memory;
    u32[this.#pointer / 4 + lane] = begin;
    u32[this.#pointer / 4 + lane + 1] = end;
  }

  #get(lane: number): number {
    return this.#kernels.memory.u32[this.#pointer / 4 + lane] as number;
  }
}
