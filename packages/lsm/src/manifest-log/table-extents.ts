/**
 * Where in the manifest log the latest entry of each live table is (spec 05 §13).
 *
 * @module
 */
import { absent, assert, type Kernels, type Pointer, U64Index } from "@stagbeetle/kernels";
import { fatal, FatalReason } from "@stagbeetle/vsr-protocol";

const LABEL = "manifest log";

/** No slot, at the end of the list of free ones. */
const NO_SLOT = 0xffff_ffff;

/** A map from table addresses (pointers to u64) to blocks and entries, of a fixed capacity. */
export class TableExtents {
  readonly capacity: number;
  readonly #index: U64Index;
  /** By slot: the address of the manifest block. */
  readonly #blocks: Float64Array;
  /** By slot: the entry in the block; of a free slot, the next free one. */
  readonly #entries: Uint32Array;
  #free = NO_SLOT;
  #touchedCount = 0;

  /** Allocates some 40 bytes a table. */
  constructor(kernels: Kernels, capacity: number) {
    const { memory } = kernels;
    this.capacity = capacity;
    this.#index = new U64Index(kernels, { capacity, label: LABEL });
    const blocks = memory.allocate(8 * capacity, 64, LABEL);
    this.#blocks = new Float64Array(memory.bytes.buffer, blocks, capacity);
    const entries = memory.allocate(4 * capacity, 64, LABEL);
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

  /** @throws FatalError (status 6) if there is no room for another table. */
  set(address: Pointer, block: number, entry: number): void {
    let slot = this.#index.get(address);
    if (slot === absent) {
      slot = this.#allocate();
      this.#index.insert(address, slot);
    }
    this.#blocks[slot] = block;
    this.#entries[slot] = entry;
  }

  remove(address: Pointer): void {
    const slot = this.#index.remove(address);
    assert(slot !== absent, "a table that is not there is removed");
    this.#entries[slot] = this.#free;
    this.#free = slot;
  }

  clear(): void {
    this.#index.clear();
    this.#free = NO_SLOT;
    this.#touchedCount = 0;
  }

  #allocate(): number {
    if (this.count >= this.capacity) {
      fatal(
        FatalReason.forestTablesCountWouldExceedLimit,
        `the forest has ${this.capacity} tables, which is all it can have`,
      );
    }
    const slot = this.#free;
    if (slot === NO_SLOT) {
      this.#touchedCount += 1;
      return this.#touchedCount - 1;
    }
    this.#free = this.#entries[slot] as number;
    return slot;
  }
}
