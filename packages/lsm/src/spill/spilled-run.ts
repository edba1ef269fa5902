/**
 * The sorted run of a memory table that is on the disk.
 *
 * @module
 */
import { assert, keySlotSizeBytes, type Pointer, type Run, type ValueKernels } from "@stagbeetle/kernels";
import { compareKeys, type KeyPointer, type KeyRange } from "../key.ts";
import type { TreeSchema } from "../tree-schema.ts";
import type { Spill } from "./spill.ts";
import type { SpilledMerge } from "./spilled-merge.ts";
import { SpilledPages } from "./spilled-pages.ts";

/** Ascending values, each key once. */
export class SpilledRun {
  readonly #merge: SpilledMerge;
  readonly #spill: Spill;
  readonly #schema: TreeSchema;
  readonly #values: ValueKernels;
  readonly #key: KeyPointer;
  /** The run, and where the next merge puts what comes out. */
  #pages: SpilledPages;
  #spare: SpilledPages;

  constructor(merge: SpilledMerge, schema: TreeSchema, values: ValueKernels) {
    const { spill } = merge;
    this.#merge = merge;
    this.#spill = spill;
    this.#schema = schema;
    this.#values = values;
    this.#key = spill.kernels.memory.allocate(keySlotSizeBytes, 16, "spill");
    this.#pages = new SpilledPages(spill, schema, values);
    this.#spare = new SpilledPages(spill, schema, values);
  }

  get count(): number {
    return this.#pages.count;
  }

  /** The run's values as they lie on the disk, until the run changes. */
  get pages(): SpilledPages {
    return this.#pages;
  }

  /** The value with this key, or 0; good until another one is looked for. */
  find(key: KeyPointer): Pointer {
    const page = this.#pages.pageWith(key);
    if (page === -1) return 0;
    return this.#values.find(this.#spill.page(this.#pages, page), this.#pages.countOf(page), key);
  }

  /** How many values have a key below `key`. */
  lowerBound(key: KeyPointer): number {
    return this.#bound(key, (values, count) => this.#values.lowerBound(values, count, key));
  }

  /** How many values have a key that is not above `key`. */
  upperBound(key: KeyPointer): number {
    return this.#bound(key, (values, count) => this.#values.upperBound(values, count, key));
  }

  /** Widens `range` to the run's keys. */
  extendKeyRange(range: KeyRange): void {
    if (this.count > 0) range.extend(this.#pages.firstKey, this.#pages.lastKey);
  }

  /** Whether a younger run is to be absorbed: one that is worth it, or any where there is a run already, for there is only one. */
  takes({ begin, end }: Run): boolean {
    return this.count > 0 || end - begin >= this.#spill.runSizeMinBytes;
  }

  /** Takes in a younger run. Of equal keys its value stays, or, in a secondary index, neither. */
  absorb(younger: Run): void {
    const count = (younger.end - younger.begin) / this.#schema.layout.sizeBytes;
    assert(count > 0 && Number.isInteger(count), () => `${this.#schema.name}: absorbs ${count} values`);
    if (this.#endsBelow(younger.begin)) {
      this.#pages.append(younger.begin, count);
      return;
    }
    this.#merge.run(this.#values, this.#pages, younger, this.#spare);
    this.#pages.clear();
    [this.#pages, this.#spare] = [this.#spare, this.#pages];
  }

  clear(): void {
    this.#pages.clear();
  }

  /** Counts in the page that may have the key; all pages before it count whole. */
  #bound(key: KeyPointer, inPage: (values: Pointer, count: number) => number): number {
    const page = this.#pages.pageWith(key);
    if (page === -1) return 0;
    const values = this.#spill.page(this.#pages, page);
    return page * this.#pages.valuesPerPage + inPage(values, this.#pages.countOf(page));
  }

  /** Whether all of the run is below a value: so it mostly is with the timestamps of objects. */
  #endsBelow(value: Pointer): boolean {
    if (this.count === 0) return true;
    this.#values.writeKey(value, this.#key);
    return compareKeys(this.#spill.kernels.memory.u32, this.#pages.lastKey, this.#key) < 0;
  }
}
