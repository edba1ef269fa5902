/**
 * Reading entries at any place of a file, and believing nothing of what is read (spec 06 §2.7, §2.8).
 *
 * @module
 */
import { assert, createKernels, LinearMemory } from "@stagbeetle/kernels";
import { Checksums, type Config, HEADER_SIZE_BYTES, invalidHeader } from "@stagbeetle/vsr-protocol";
import {
  AOF_ENTRY_SIZE_MIN_BYTES,
  AOF_MAGIC_NUMBER,
  AOF_MAGIC_SIZE_BYTES,
  AOFEntry,
  aofEntrySizeMaxBytes,
  aofMagic,
} from "./entry.ts";
import type { ReadableFile } from "./file.ts";

/**
 * What is wrong with the bytes at a place where an entry should be. The names are the reference's, but the last one's: it
 * stands for checksums that are right over a header that no replica writes, which the reference does not look at.
 */
export type EntryFault =
  | "AOFShortRead"
  | "AOFMagicNumberMismatch"
  | "AOFChecksumMismatch"
  | "AOFBodyChecksumMismatch"
  | "AOFHeaderInvalid";

/** How much is read at once where one entry follows the other, in bytes. */
const READ_AHEAD_SIZE_BYTES = 4 * 2 ** 20;
/** How much is read at once elsewhere. */
const READ_SIZE_BYTES = 64 * 2 ** 10;
/** Of kernels and checksums. */
const MEMORY_BESIDE_BUFFER_BYTES = 2 ** 20;

/** Reads one entry after the other, of one file or several. It has one buffer: an entry is good until the next call. */
export class EntryReader {
  readonly #config: Config;
  readonly #checksums: Checksums;
  readonly #buffer: Uint8Array;
  readonly #magic: Uint8Array = aofMagic();
  #file: ReadableFile | null = null;
  /** Where in the file the buffer begins, and how many bytes of it are the file's. */
  #bufferOffset = 0;
  #bufferSizeBytes = 0;

  constructor(config: Config) {
    const sizeBytes = Math.max(READ_AHEAD_SIZE_BYTES, aofEntrySizeMaxBytes(config));
    const memory = new LinearMemory({ sizeBytes: sizeBytes + MEMORY_BESIDE_BUFFER_BYTES, shared: false });
    this.#checksums = new Checksums(createKernels({ memory }));
    const start = memory.allocate(sizeBytes, AOF_MAGIC_SIZE_BYTES, "entries");
    this.#buffer = memory.bytes.subarray(start, start + sizeBytes);
    this.#config = config;
  }

  /** The entry at `offset`, or what is wrong with it. Whatever the bytes are, nothing is thrown. */
  read(file: ReadableFile, offset: number): AOFEntry | EntryFault {
    assert(offset >= 0 && offset < file.sizeBytes, () => `an entry at ${offset} of ${file.sizeBytes}`);
    if (this.#fill(file, offset, AOF_ENTRY_SIZE_MIN_BYTES) < AOF_ENTRY_SIZE_MIN_BYTES) return "AOFShortRead";
    const sizeDisk = this.#entryAt(offset).sizeDisk;
    if (sizeDisk > aofEntrySizeMaxBytes(this.#config)) return "AOFShortRead";
    if (this.#fill(file, offset, sizeDisk) < sizeDisk) return "AOFShortRead";
    const entry = this.#entryAt(offset);
    if (entry.magicNumber !== AOF_MAGIC_NUMBER) return "AOFMagicNumberMismatch";
    // A size below that of a header cannot carry the right checksum but by malice.
    if (!this.#checksums.valid(entry.header) || entry.header.size < HEADER_SIZE_BYTES) return "AOFChecksumMismatch";
    if (!this.#checksums.validBody(entry.header, entry.body)) return "AOFBodyChecksumMismatch";
    return invalidHeader(entry.header, this.#config) === null ? entry : "AOFHeaderInvalid";
  }

  /** Where the next magic number is, at or behind `offset`; the end of the file if there is none. */
  find(file: ReadableFile, offset: number): number {
    let at = offset;
    while (at < file.sizeBytes) {
      const sizeBytes = this.#fill(file, at, this.#buffer.length);
      if (sizeBytes < AOF_MAGIC_SIZE_BYTES) break;
      const index = indexOf(this.#buffer, this.#magic, at - this.#bufferOffset, this.#bufferSizeBytes);
      if (index !== null) return this.#bufferOffset + index;
      // The windows overlap, so that a magic number across their border is found.
      at += sizeBytes - (AOF_MAGIC_SIZE_BYTES - 1);
    }
    return file.sizeBytes;
  }

  /**
   * Makes bytes of the file be in the buffer, from `offset` on.
   *
   * @returns how many of the `wanted` there are: fewer only where the file ends.
   */
  #fill(file: ReadableFile, offset: number, wanted: number): number {
    const end = this.#bufferOffset + this.#bufferSizeBytes;
    const sameFile = this.#file === file;
    const expected = Math.min(wanted, file.sizeBytes - offset);
    if (sameFile && offset >= this.#bufferOffset && offset + expected <= end) return expected;
    // Elsewhere than behind what was read last it is not known whether what follows will be wanted, too.
    const sequential = sameFile && offset > this.#bufferOffset && offset <= end;
    const sizeBytes = sequential ? this.#buffer.length : Math.max(wanted, READ_SIZE_BYTES);
    const target = this.#buffer.subarray(0, Math.min(sizeBytes, file.sizeBytes - offset, this.#buffer.length));
    this.#file = file;
    this.#bufferOffset = offset;
    this.#bufferSizeBytes = file.read(target, offset);
    assert(this.#bufferSizeBytes <= target.length, () => `${this.#bufferSizeBytes} of ${target.length} bytes read`);
    return Math.min(wanted, this.#bufferSizeBytes);
  }

  #entryAt(offset: number): AOFEntry {
    return new AOFEntry(this.#buffer, offset - this.#bufferOffset);
  }
}

/** Where `pattern` begins in `bytes`, within `begin` to `end`; null if nowhere. */
function indexOf(bytes: Uint8Array, pattern: Uint8Array, begin: number, end: number): number | null {
  const [first = 0] = pattern;
  for (let at = bytes.indexOf(first, begin); at !== -1; at = bytes.indexOf(first, at + 1)) {
    if (at + pattern.length > end) return null;
    if (pattern.every((byte, index) => bytes[at + index] === byte)) return at;
  }
  return null;
}
