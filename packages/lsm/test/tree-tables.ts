/** A small secondary index to test memory tables with: keys are field 0 and a timestamp, `-k` is the tombstone of `k`. */
import {
  createKernels,
  type Kernels,
  LinearMemory,
  type Pointer,
  sortScratchSizeBytes,
  type ValueLayout,
  ValueKernels,
} from "@stagbeetle/kernels";
import { MemorySpill, TEST_MIN } from "@stagbeetle/vsr-protocol";

import type { ImmutableTable } from "../src/memory-table/immutable-table.ts";
import type { MemoryTable } from "../src/memory-table/memory-table.ts";
import { TreeMemory } from "../src/memory-table/tree-memory.ts";
import { Spill } from "../src/spill/spill.ts";
import { SpilledMerge } from "../src/spill/spilled-merge.ts";
import { SpilledReader } from "../src/spill/spilled-reader.ts";
import { TreeSchema } from "../src/tree-schema.ts";
import { smallSpill } from "./small-spill.ts";

export class TestTables {
  readonly kernels: Kernels;
  readonly schema: TreeSchema;
  readonly memory: TreeMemory;
  readonly values: ValueKernels;
  readonly scratch: number;
  /** What is on the disk. */
  readonly disk: MemorySpill = new MemorySpill();
  readonly #reader: SpilledReader;

  /**
   * Objects are replaced by newer ones, entries of a secondary index annihilate.
   *
   * @param spills whether the run of older bars goes to a disk.
   */
  constructor(usage: "object" | "secondary", spills: boolean = false) {
    const layout: ValueLayout =
      usage === "object"
        ? { key: "timestamp", sizeBytes: 16, timestampOffset: 0, secondary: false }
        : { key: "timestamp", sizeBytes: 8, timestampOffset: 0, secondary: true };
    this.kernels = createKernels({ memory: new LinearMemory({ sizeBytes: 1 << 18, shared: false }) });
    this.schema = new TreeSchema(TEST_MIN, { treeId: 1, name: usage, layout, valuesPerBatch: 30 });
    this.values = new ValueKernels(this.kernels, layout);
    const spill = new Spill(this.kernels, smallSpill(this.disk, 2 * layout.sizeBytes));
    const merge = spills ? new SpilledMerge(spill) : null;
    this.memory = new TreeMemory(this.schema, this.values, this.kernels.memory, merge);
    this.#reader = new SpilledReader(spill);
    this.scratch = this.kernels.memory.allocate(sortScratchSizeBytes(layout, this.schema.valueCountMax), 16);
  }

  get mutable(): MemoryTable {
    return this.memory.mutable;
  }

  get immutable(): ImmutableTable {
    return this.memory.immutable;
  }

  put(...keys: readonly number[]): void {
    for (const key of keys) {
      const value = this.mutable.slot();
      const { view } = this.kernels.memory;
      view.setBigUint64(value, BigInt(Math.abs(key)) | (key < 0 ? 1n << 63n : 0n), true);
      if (this.schema.layout.sizeBytes > 8) view.setBigUint64(value + 8, BigInt(this.mutable.count), true);
      this.mutable.put();
    }
  }

  sortSuffix(): void {
    this.mutable.sortSuffix(this.scratch);
  }

  /** Values as their keys, in the order in which they are stored. */
  keys(table: MemoryTable): number[] {
    return this.#keysOf(table.begin, table.count);
  }

  /** The runs of the immutable table, oldest first, wherever they are. */
  immutableRuns(): number[][] {
    const { sizeBytes } = this.schema.layout;
    const inMemory = this.immutable.runs().map(({ begin, end }) => this.#keysOf(begin, (end - begin) / sizeBytes));
    if (this.immutable.spilled === null) return inMemory;
    const { pages } = this.immutable.spilled;
    const reader = this.#reader.open(pages);
    const onDisk: number[] = [];
    while (reader.left > 0) {
      const { begin, end } = reader.next();
      onDisk.push(...this.#keysOf(begin, (end - begin) / sizeBytes));
    }
    return [onDisk, ...inMemory];
  }

  runEnds(table: MemoryTable): readonly number[] {
    return table.save().runEnds;
  }

  find(table: MemoryTable | ImmutableTable, key: number): number | null {
    const { memory } = this.kernels;
    memory.bytes.fill(0, this.scratch, this.scratch + 32);
    memory.view.setBigUint64(this.scratch, BigInt(key), true);
    const value = table.find(this.scratch);
    if (value === 0) return null;
    return memory.view.getBigUint64(value, true) >> 63n === 0n ? key : -key;
  }

  #keysOf(begin: Pointer, count: number): number[] {
    return Array.from({ length: count }, (_, number) => {
      const value = this.kernels.memory.view.getBigUint64(begin + number * this.schema.layout.sizeBytes, true);
      const key = Number(BigInt.asUintN(63, value));
      return value >> 63n === 0n ? key : -key;
    });
  }
}
