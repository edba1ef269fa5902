/**
 * Where the entries of a stretch of the log are.
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import { type PrepareHeader, readU128 } from "@stagbeetle/vsr-protocol";

/** What one op takes, in bytes: two checksums, an input, an offset. */
const ENTRY_SIZE_BYTES = 48;
const CHECKSUM_SIZE_BYTES = 16;
const PARENT_OFFSET = 16;
const FILE_OFFSET = 32;
const PLACE_OFFSET = 40;
/** Of the prepare header. */
const HEADER_PARENT_OFFSET = 128;

/** Where an entry is: in which of the inputs, and at which offset in bytes. */
export interface EntryInfo {
  readonly input: number;
  readonly offset: number;
}

/**
 * The places of entries by op, with what chains them, for a stretch of `capacity` ops that can be moved on. Takes 48 bytes for
 * each op of it, whether there is an entry or not.
 */
export class OpIndex {
  readonly capacity: number;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #opFirst = 0;
  #empty = true;

  constructor(capacity: number) {
    assert(Number.isInteger(capacity) && capacity > 0, () => `an index of ${capacity} ops`);
    this.capacity = capacity;
    this.#bytes = new Uint8Array(capacity * ENTRY_SIZE_BYTES);
    this.#view = new DataView(this.#bytes.buffer);
  }

  /** The first op of the stretch. */
  get opFirst(): number {
    return this.#opFirst;
  }

  /** Forgets everything and begins with another stretch. */
  moveTo(opFirst: number): void {
    if (!this.#empty) this.#bytes.fill(0);
    this.#empty = true;
    this.#opFirst = opFirst;
  }

  /** Whether an op belongs to the stretch. */
  contains(op: number): boolean {
    return op >= this.#opFirst && op < this.#opFirst + this.capacity;
  }

  /** Where the entry of an op of the stretch is; null if there is none. */
  place(op: number): EntryInfo | null {
    const at = this.#at(op);
    const input = this.#view.getUint32(at + FILE_OFFSET, true);
    return input === 0 ? null : { input: input - 1, offset: this.#view.getFloat64(at + PLACE_OFFSET, true) };
  }

  /** The checksum of the entry of an op. */
  checksum(op: number): bigint {
    return readU128(this.#view, this.#at(op));
  }

  /** The checksum that the entry of an op has for its parent's. */
  parent(op: number): bigint {
    return readU128(this.#view, this.#at(op) + PARENT_OFFSET);
  }

  /** Whether a prepare is the one that is known for its op. */
  same({ op, buffer, offset }: PrepareHeader): boolean {
    const at = this.#at(op);
    for (let index = 0; index < CHECKSUM_SIZE_BYTES; index += 1) {
      if (this.#bytes[at + index] !== buffer[offset + index]) return false;
    }
    return true;
  }

  /** Adds the prepare of an op of the stretch that there is no entry of yet. */
  add({ op, buffer, offset }: PrepareHeader, place: EntryInfo): void {
    const at = this.#at(op);
    assert(this.#view.getUint32(at + FILE_OFFSET, true) === 0, () => `op ${op} is added twice`);
    this.#empty = false;
    this.#bytes.set(buffer.subarray(offset, offset + CHECKSUM_SIZE_BYTES), at);
    const parent = offset + HEADER_PARENT_OFFSET;
    this.#bytes.set(buffer.subarray(parent, parent + CHECKSUM_SIZE_BYTES), at + PARENT_OFFSET);
    this.#view.setUint32(at + FILE_OFFSET, place.input + 1, true);
    this.#view.setFloat64(at + PLACE_OFFSET, place.offset, true);
  }

  #at(op: number): number {
    assert(this.contains(op), () => `op ${op} is not among the ${this.capacity} from ${this.#opFirst}`);
    return (op - this.#opFirst) * ENTRY_SIZE_BYTES;
  }
}
