/**
 * One entry of an append-only file: a magic number and a committed prepare (spec 06 §2.2).
 *
 * ```text
 *   0     16                    272                      16 + size
 *   ├ magic ┼ prepare header (256) ┼ body (size − 256) ┤ the next entry follows at once
 * ```
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import {
  Command,
  type Config,
  HEADER_SIZE_BYTES,
  type Message,
  PrepareHeader,
  readU128,
  writeU128,
} from "@stagbeetle/vsr-protocol";

/** With what every entry begins, so that the next one can be found behind damage. */
export const AOF_MAGIC_NUMBER = 0x00bc_d8d3_fee4_0611_9ed1_92c4_f4c4_fc82n;

/** The size of the magic number in bytes. */
export const AOF_MAGIC_SIZE_BYTES = 16;

/** The size of the smallest entry in bytes: a prepare without a body. */
export const AOF_ENTRY_SIZE_MIN_BYTES: number = AOF_MAGIC_SIZE_BYTES + HEADER_SIZE_BYTES;

/** The size of the largest entry in bytes. */
export function aofEntrySizeMaxBytes({ cluster }: Config): number {
  return AOF_MAGIC_SIZE_BYTES + cluster.messageSizeMax;
}

/** The magic number as it is in the file. */
export function aofMagic(): Uint8Array {
  const bytes = new Uint8Array(AOF_MAGIC_SIZE_BYTES);
  writeU128(new DataView(bytes.buffer), 0, AOF_MAGIC_NUMBER);
  return bytes;
}

/**
 * A view of an entry in memory that belongs to someone else. Nothing is verified by making it: its fields are whatever the
 * bytes say, and `sizeDisk` may reach beyond the memory.
 */
export class AOFEntry {
  /** The header of the prepare. */
  readonly header: PrepareHeader;

  /**
   * @param buffer at least {@link AOF_ENTRY_SIZE_MIN_BYTES} bytes from `offset` on.
   * @param offset where the magic number is, in bytes.
   */
  constructor(buffer: Uint8Array, offset = 0) {
    this.header = new PrepareHeader(buffer, offset + AOF_MAGIC_SIZE_BYTES);
  }

  /** Makes an entry of a committed prepare. `buffer` has room for it, and gets exactly what the file will hold. */
  static fromMessage(message: Message, buffer: Uint8Array): AOFEntry {
    assert(message.header.command === Command.prepare, () => `an entry of command ${message.header.command}`);
    const bytes = message.bytes();
    assert(AOF_MAGIC_SIZE_BYTES + bytes.length <= buffer.length, () => `${bytes.length} bytes do not fit`);
    buffer.set(aofMagic());
    buffer.set(bytes, AOF_MAGIC_SIZE_BYTES);
    return new AOFEntry(buffer);
  }

  /** Where the entry begins in its memory, in bytes. */
  get offset(): number {
    return this.header.offset - AOF_MAGIC_SIZE_BYTES;
  }

  /** {@link AOF_MAGIC_NUMBER}, if this is an entry. */
  get magicNumber(): bigint {
    return readU128(this.header.dataView, this.offset);
  }

  /** The size of the entry in the file in bytes, by what its header says. */
  get sizeDisk(): number {
    return AOF_MAGIC_SIZE_BYTES + this.header.size;
  }

  /** The whole entry: a view. */
  get bytes(): Uint8Array {
    return this.#range(0, this.sizeDisk);
  }

  /** The prepare, header and body: a view. */
  get message(): Uint8Array {
    return this.#range(AOF_MAGIC_SIZE_BYTES, this.sizeDisk);
  }

  /** The body of the prepare: a view. */
  get body(): Uint8Array {
    return this.#range(AOF_ENTRY_SIZE_MIN_BYTES, this.sizeDisk);
  }

  /** Copies the prepare into a message of a pool. */
  toMessage(target: Message): void {
    const { message } = this;
    assert(message.length <= target.buffer.length, () => `a prepare of ${message.length} bytes does not fit`);
    target.buffer.set(message);
  }

  #range(begin: number, end: number): Uint8Array {
    const { buffer } = this.header;
    assert(
      this.header.size >= HEADER_SIZE_BYTES && this.offset + end <= buffer.length,
      () => `an entry of ${this.sizeDisk} bytes at ${this.offset} of ${buffer.length}`,
    );
    return buffer.subarray(this.offset + begin, this.offset + end);
  }
}
