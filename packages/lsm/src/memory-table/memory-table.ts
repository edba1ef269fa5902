/**
 * A table in memory: values in the order in which they were put, as sorted runs and an unsorted suffix (spec 05 §7).
 *
 * The count of a table decides when it is written to disk, so the runs are part of the format in effect: when duplicates
 * go, and which, is exact. How runs are sorted is not.
 *
 * @module
 */
import { assert, fail, type LinearMemory, type Pointer, type Run, type ValueKernels } from "@stagbeetle/kernels";
import type { KeyPointer, KeyRange } from "../key.ts";
import type { TreeSchema } from "../tree-schema.ts";

/** What a discarded scope returns to. Values beyond the count are dead, and runs only grow. */
export interface MemoryTableState {
  readonly count: number;
  readonly runEnds: readonly number[];
}

/** Up to `valueCountMax` values. */
export class MemoryTable {
  readonly #schema: TreeSchema;
  readonly #values: ValueKernels;
  /** Where the first value is. */
  readonly begin: Pointer;
  readonly #sizeBytes: number;
  #count = 0;
  /** Runs follow each other without a gap, so their ends say it all. What lies behind the last is not sorted. */
  readonly #runEnds: number[] = [];
  readonly #lanes: Uint32Array;

  constructor(schema: TreeSchema, values: ValueKernels, memory: LinearMemory) {
    this.#schema = schema;
    this.#values = values;
    this.#sizeBytes = schema.layout.sizeBytes;
    this.begin = memory.allocate(schema.valueCountMax * this.#sizeBytes, 16, "memory tables");
    this.#lanes = memory.u32;
  }

  /** Values, duplicates in different runs included. */
  get count(): number {
    return this.#count;
  }

  get runCount(): number {
    this.#extendRun();
    return this.#runEnds.length;
  }

  /** Whether all values are one run, or there is none. */
  get sorted(): boolean {
    this.#extendRun();
    return this.#count === 0 || (this.#runEnds.length === 1 && this.#runEnds[0] === this.#count);
  }

  /** Where the last value ends. */
  get valuesEnd(): Pointer {
    return this.#slotAt(this.#count);
  }

  /** Where the room for values ends. */
  get roomEnd(): Pointer {
    return this.#slotAt(this.#schema.valueCountMax);
  }

  /** Where the next value is to be written. All its bytes must be; then {@link put}. */
  slot(): Pointer {
    if (this.#count >= this.#schema.valueCountMax) fail(`${this.#schema.name}: the memory table is full`);
    return this.begin + this.#count * this.#sizeBytes;
  }

  /** Adds the value in the {@link slot}, or so many that follow each other from there. */
  put(count: number = 1): void {
    const after = this.#count + count;
    if (after > this.#schema.valueCountMax) fail(`${this.#schema.name}: ${after} values in the memory table`);
    this.#count = after;
  }

  /** Makes what is behind the last run a run of its own. `scratch`: as much as the sort of a full table needs. */
  sortSuffix(scratch: Pointer): void {
    this.#extendRun();
    const begin = this.#runEnds.at(-1) ?? 0;
    if (begin === this.#count) return;
    const kept = this.#values.sort(this.begin + begin * this.#sizeBytes, this.#count - begin, scratch);
    assert(
      kept <= this.#count - begin,
      () => `${this.#schema.name}: ${kept} values are left of ${this.#count - begin}`,
    );
    this.#count = begin + kept;
    if (kept > 0) this.#runEnds.push(this.#count);
  }

  /** Makes all values one run. The newest of each key stays, or, in a secondary index, put and tombstone both go. */
  sort(scratch: Pointer): void {
    if (this.sorted) return;
    this.#count = this.#values.sort(this.begin, this.#count, scratch);
    this.#runEnds.length = 0;
    if (this.#count > 0) this.#runEnds.push(this.#count);
  }

  /** The newest value with this key, or 0; a tombstone is a value. What is not sorted is not searched. */
  find(key: KeyPointer): Pointer {
    this.#extendRun();
    for (let run = this.#runEnds.length - 1; run >= 0; run -= 1) {
      const begin = this.#runBegin(run);
      const found = this.#values.find(
        this.begin + begin * this.#sizeBytes,
        (this.#runEnds[run] as number) - begin,
        key,
      );
      if (found !== 0) return found;
    }
    return 0;
  }

  /** The runs, oldest first. All values must be in runs. */
  runs(): readonly Run[] {
    this.#extendRun();
    assert(this.#runEnds.at(-1) === this.#count || this.#count === 0, () => `${this.#schema.name}: an unsorted suffix`);
    return this.#runEnds.map((end, run) => ({
      begin: this.begin + this.#runBegin(run) * this.#sizeBytes,
      end: this.begin + end * this.#sizeBytes,
    }));
  }

  /** Widens `range` to the table's keys. `scratch`: two keys. */
  extendKeyRange(range: KeyRange, scratch: KeyPointer): void {
    for (const { begin, end } of this.runs()) {
      this.#values.writeKey(begin, scratch);
      this.#values.writeKey(end - this.#sizeBytes, scratch + 32);
      range.extend(scratch, scratch + 32);
    }
  }

  /** Adds all values of a younger table behind those of this one, run by run, and empties that one. */
  absorb(younger: MemoryTable): void {
    const count = this.#count + younger.#count;
    assert(this.sorted, () => `${this.#schema.name}: absorbs into ${this.#runEnds.length} runs`);
    assert(count <= this.#schema.valueCountMax, () => `${this.#schema.name}: absorbs to ${count} values`);
    younger.#extendRun();
    const from = younger.begin >>> 2;
    this.#lanes.copyWithin(this.#slotAt(this.#count) >>> 2, from, from + ((younger.#count * this.#sizeBytes) >>> 2));
    for (const end of younger.#runEnds) this.#runEnds.push(this.#count + end);
    this.#count = count;
    younger.clear();
  }

  clear(): void {
    this.#count = 0;
    this.#runEnds.length = 0;
  }

  save(): MemoryTableState {
    this.#extendRun();
    return { count: this.#count, runEnds: [...this.#runEnds] };
  }

  restore(state: MemoryTableState): void {
    assert(
      state.count <= this.#count,
      () => `${this.#schema.name}: ${this.#count} values are restored to ${state.count}`,
    );
    this.#count = state.count;
    this.#runEnds.length = 0;
    this.#runEnds.push(...state.runEnds);
  }

  /** One line for people. */
  describe(): string {
    this.#extendRun();
    return `${this.#count}/${this.#schema.valueCountMax} values, runs to [${this.#runEnds.join(" ")}]`;
  }

  /**
   * A value that is put extends the last run if that reaches so far and its last key is smaller. What follows from that is made
   * up for here, for all values that were put since.
   */
  #extendRun(): void {
    const last = this.#runEnds.length - 1;
    const end = this.#runEnds[last];
    if (end === undefined || end === this.#count) return;
    const ascending = this.#values.ascendingCount(this.#slotAt(end - 1), this.#count - end + 1);
    this.#runEnds[last] = end - 1 + ascending;
  }

  #slotAt(number: number): Pointer {
    return this.begin + number * this.#sizeBytes;
  }

  #runBegin(run: number): number {
    return run === 0 ? 0 : (this.#runEnds[run - 1] as number);
  }
}
