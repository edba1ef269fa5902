/**
 * Where in the manifest log the latest entry of each live table is (spec 05 §13).
 *
 * @module
 */
import { absent, assert, type Kernels, type Pointer, U64Index } from "@stagbeetle/kernels";
import { fatal, FatalReason } from "@stagbeetle/vsr-protocol";

/** A map from table addresses (pointers to u64) to blocks and entries, of a fixed capacity. */
export class TableExtents {
  readonly capacity: number;
  readonly #index: U64Index;
  readonly #blocks: Float64Array;
  readonly #entries: Uint32Array;
  readonly #free: number[] = [];
  #next = 0;

  constructor(kernels: Kernels, capacity: number) {
    const { memory } = kernels;
    this.capacity = capacity;
    this.#index = new U64Index(kernels, { capacity, label: "manifest log" });
    const blocks = memory.allocate(8 * capacity, 8, "manifest log");
    this.#blocks = new Float64Array(memory.bytes.buffer, blocks, capacity);
    const entries = memory.allocate(4 * capacity, 4, "manifest log");
    this.#entries = memory.u32.subarray(entries / 4, entries / 4 + capacity);
  }

  /** Live tables. */
  get count(): number {
    return this.#index.count;
  }

  has(address: Pointer): boolean {
    return this.#index.get(address) !== absent;
  }

  /** Whether this very entry is the table's latest. */
  isAt(address: Pointer, block: number, entry: number): boolean {
    const slot = this.#index.get(address);
    return slot !== absent && this.#blocks[slot] === block && this.#entries[slot] === entry;
  }

  /** @throws FatalError if there is no room for another table. */
  set(address: Pointer, block: number, entry: number): void {
    let slot = this.#index.get(address);
    if (slot === absent) {
      if (this.count >= this.capacity) {
        fatal(
          FatalReason.forestTablesCountWouldExceedLimit,
          `the forest has ${this.capacity} tables, which is all it can have`,
        );
      }
      slot = this.#free.pop() ?? this.#next++;
      this.#index.insert(address, slot);
    }
    this.#blocks[slot] = block;
    this.#entries[slot] = entry;
  }

  remove(address: Pointer): void {
    const slot = this.#index.remove(address);
    assert(slot !== absent, "a table that is not there is removed");
    this.#free.push(slot);
  }

  clear(): void {
    this.#index.clear();
    this.#free.length = 0;
    this.#next = 0;
  }
}
