/**
 * The port to room on a disk for what memory has no room for: a file without a name, which goes when it is closed, however
 * the process ends.
 *
 * @module
 */
import { randomBytes } from "node:crypto";
import { closeSync, constants, openSync, readSync, unlinkSync, writeSync } from "node:fs";
import { join } from "node:path";
import { assert } from "@stagbeetle/kernels";
import type { SpillStorage } from "@stagbeetle/vsr-protocol";
import { DataFileError, dataFileError } from "./data-file-error.ts";

/** The calls that transfer, as in `node:fs`; tests pass ones that fail, or come to less than was asked for. */
export interface SpillCalls {
  readonly read: (
    fileDescriptor: number,
    bytes: Uint8Array,
    offset: number,
    sizeBytes: number,
    position: number,
  ) => number;
  readonly write: SpillCalls["read"];
}

/** For the operator. */
const WHAT = "values that wait to be flushed";

const NODE_SPILL_CALLS: SpillCalls = { read: readSync, write: writeSync };

/** Goes through the page cache: what is read soon after it was written is mostly there. */
export class SpillFile implements SpillStorage {
  /** The directory that the file is in. */
  readonly directory: string;
  readonly #fileDescriptor: number;
  readonly #calls: SpillCalls;

  /** Called by {@link openSpillFile} only. */
  constructor(directory: string, fileDescriptor: number, calls: SpillCalls) {
    this.directory = directory;
    this.#fileDescriptor = fileDescriptor;
    this.#calls = calls;
  }

  /** @throws DataFileError */
  write(offset: number, bytes: Uint8Array): void {
    this.#transfer("write", offset, bytes);
  }

  /** @throws DataFileError */
  read(offset: number, bytes: Uint8Array): void {
    this.#transfer("read", offset, bytes);
  }

  /** Closes the file, which is gone then. */
  close(): void {
    closeSync(this.#fileDescriptor);
  }

  #transfer(kind: "read" | "write", offset: number, bytes: Uint8Array): void {
    let done = 0;
    while (done < bytes.length) {
      const sizeBytes = this.#call(kind, offset, bytes, done);
      if (sizeBytes === 0) {
        const message = `cannot ${kind} ${WHAT}: ${done} of ${bytes.length} bytes at ${offset}`;
        throw new DataFileError("input_output", this.directory, message);
      }
      done += sizeBytes;
    }
  }

  #call(kind: "read" | "write", offset: number, bytes: Uint8Array, done: number): number {
    try {
      return this.#calls[kind](this.#fileDescriptor, bytes, done, bytes.length - done, offset + done);
    } catch (error) {
      throw dataFileError(this.directory, `${kind} ${WHAT}`, error);
    }
  }
}

/**
 * Creates a file in the first of the directories in which the process may, and takes its name away at once.
 *
 * @param calls `node:fs` by default.
 * @throws DataFileError of the last directory.
 */
export function openSpillFile(directories: readonly string[], calls: SpillCalls = NODE_SPILL_CALLS): SpillFile {
  const [directory, ...others] = directories;
  assert(directory !== undefined, "a file is in a directory");
  try {
    return new SpillFile(directory, createWithoutName(directory), calls);
  } catch (error) {
    const reason = dataFileError(directory, `create a file for ${WHAT}`, error);
    if (reason.code !== "access_denied" || others.length === 0) throw reason;
    return openSpillFile(others, calls);
  }
}

function createWithoutName(directory: string): number {
  const path = join(directory, `stagbeetle_spill-${randomBytes(8).toString("hex")}`);
  const fileDescriptor = openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL, 0o600);
  unlinkSync(path);
  return fileDescriptor;
}
