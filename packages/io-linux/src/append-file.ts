/**
 * The ports to append-only files: one that is written, one that is read (spec 06 §2.3 to §2.7).
 *
 * @module
 */
import {
  closeSync,
  constants,
  fstatSync,
  fsync as fsFsync,
  openSync,
  readSync,
  statSync,
  writevSync as fsWritevSync,
} from "node:fs";
import { dirname } from "node:path";
import type { AppendFile, PathTarget, ReadableFile } from "@stagbeetle/aof";
import { assert } from "@stagbeetle/kernels";
import { fatal, FatalReason, type Logger, SILENT_LOGGER } from "@stagbeetle/vsr-protocol";
import { DataFileError, dataFileError, systemErrorCode } from "./data-file-error.ts";
import { makeDurableByName } from "./durable-name.ts";
import { acquireFileLock, type FileLock, fileIdentity } from "./lock.ts";
import { WriteError } from "./storage.ts";
import { loadSystemCalls, type SystemCalls } from "./system-calls.ts";

/** The calls that write; tests pass ones that fail. */
export interface AppendCalls {
  /** As in `node:fs`: returns how many bytes were written. */
  readonly writev: (fileDescriptor: number, parts: readonly Uint8Array[]) => number;
  readonly fsync: (fileDescriptor: number, callback: (error: Error | null) => void) => void;
}

const NODE_APPEND_CALLS: AppendCalls = { writev: fsWritevSync, fsync: fsFsync };

/** How to open a file to append to. */
export interface AppendFileOptions {
  readonly path: string;
  /** `new`: it must not exist. `new_or_existing`: what is in it stays, and what is appended follows it. */
  readonly create: "new" | "new_or_existing";
  readonly logger?: Logger;
  /** `node:fs` by default. */
  readonly calls?: AppendCalls;
  /** Null to use nothing but Node. */
  readonly systemCalls?: SystemCalls | null;
}

/** What an open file holds of the system. */
interface Opened {
  readonly fileDescriptor: number;
  readonly lock: FileLock;
}

/**
 * Opens a file to append to: creates it if need be, takes its lock, and makes it durable under its name.
 *
 * Where the reference waits for a lock that is held, for ever, this is refused.
 *
 * @throws DataFileError for everything that an operator can do something about.
 */
export async function openAppendFile(options: AppendFileOptions): Promise<SystemAppendFile> {
  return new SystemAppendFile(options, await open(options));
}

async function open({ path, create, systemCalls = loadSystemCalls() }: AppendFileOptions): Promise<Opened> {
  const { O_RDWR, O_APPEND, O_CREAT, O_EXCL } = constants;
  const failed = (error: unknown): DataFileError => dataFileError(path, "open the append-only file", error);
  let fileDescriptor: number;
  try {
    // A pipe would block here, and a device has no end to append at.
    if (statSync(path, { throwIfNoEntry: false })?.isFile() === false) {
      throw new DataFileError("not_a_file", path, "it is not a regular file");
    }
    fileDescriptor = openSync(path, O_RDWR | O_APPEND | O_CREAT | (create === "new" ? O_EXCL : 0), 0o666);
  } catch (error) {
    throw failed(error);
  }
  let lock: FileLock | null = null;
  try {
    const identity = fileIdentity(fstatSync(fileDescriptor, { bigint: true }));
    lock = await acquireFileLock(fileDescriptor, identity, systemCalls);
    if (lock === null) {
      throw new DataFileError("locked", path, "another process appends to this file; give each replica its own");
    }
    makeDurableByName(fileDescriptor, dirname(path));
    return { fileDescriptor, lock };
  } catch (error) {
    closeSync(fileDescriptor);
    lock?.release();
    throw failed(error);
  }
}

/** A file that this process alone appends to, through the page cache. */
export class SystemAppendFile implements AppendFile {
  readonly path: string;
  readonly #options: AppendFileOptions;
  readonly #logger: Logger;
  readonly #calls: AppendCalls;
  #opened: Opened;

  /** Called by {@link openAppendFile} only. */
  constructor(options: AppendFileOptions, opened: Opened) {
    this.path = options.path;
    this.#options = options;
    this.#logger = options.logger ?? SILENT_LOGGER;
    this.#calls = options.calls ?? NODE_APPEND_CALLS;
    this.#opened = opened;
  }

  append(parts: readonly Uint8Array[]): void {
    const sizeBytes = parts.reduce((sum, part) => sum + part.length, 0);
    let rest = parts;
    for (let written = 0; written < sizeBytes;) {
      const count = this.#write(rest);
      assert(count > 0 && written + count <= sizeBytes, () => `${count} bytes more than ${written} of ${sizeBytes}`);
      written += count;
      if (written < sizeBytes) rest = behind(rest, count);
    }
  }

  sync(callback: () => void): void {
    this.#calls.fsync(this.#opened.fileDescriptor, (error) => {
      if (error !== null) throw new WriteError(`fsync of ${this.path} failed: ${error.message}`, { cause: error });
      callback();
    });
  }

  pathTarget(): PathTarget {
    try {
      const there = statSync(this.path, { bigint: true, throwIfNoEntry: false });
      if (there === undefined) return "nothing";
      const { device, inode } = fileIdentity(fstatSync(this.#opened.fileDescriptor, { bigint: true }));
      return there.dev === device && there.ino === inode ? "same" : "another";
    } catch (error) {
      this.#logger.log("warn", "nobody can tell where the path of the append-only file leads", {
        path: this.path,
        code: systemErrorCode(error),
      });
      return "unknown";
    }
  }

  recreate(callback: () => void): void {
    this.close();
    open({ ...this.#options, create: "new_or_existing" }).then(
      (opened) => {
        this.#opened = opened;
        callback();
      },
      (error: unknown) => {
        // Out of the promise, so that it ends the process like every other write that fails.
        setImmediate(() => {
          throw new WriteError(`a new ${this.path} cannot be begun: ${String(error)}`, { cause: error });
        });
      },
    );
  }

  /** Closes the file and gives its lock back. */
  close(): void {
    closeSync(this.#opened.fileDescriptor);
    this.#opened.lock.release();
  }

  #write(parts: readonly Uint8Array[]): number {
    for (;;) {
      try {
        return this.#calls.writev(this.#opened.fileDescriptor, parts);
      } catch (error) {
        const code = systemErrorCode(error);
        if (code === "EINTR") continue;
        if (code === "ENOSPC" || code === "EDQUOT") {
          fatal(FatalReason.noSpaceLeft, `${this.path}: no space left for the append-only file; free some`);
        }
        const message = error instanceof Error ? error.message : String(error);
        throw new WriteError(`appending to ${this.path} failed: ${message}`, { cause: error });
      }
    }
  }
}

/** What is left of `parts` behind the first `sizeBytes` bytes. */
function behind(parts: readonly Uint8Array[], sizeBytes: number): readonly Uint8Array[] {
  let skip = sizeBytes;
  return parts.flatMap((part) => {
    const rest = part.subarray(Math.min(skip, part.length));
    skip -= part.length - rest.length;
    return rest.length === 0 ? [] : [rest];
  });
}

/**
 * Opens a file to read. Others may append to it meanwhile.
 *
 * @throws DataFileError if it is not there, not a file, or not to be read.
 */
export function openReadableFile(path: string): ReadableFile {
  try {
    const stats = statSync(path);
    if (!stats.isFile()) throw new DataFileError("not_a_file", path, "it is not a regular file");
    return new SystemReadableFile(path, openSync(path, constants.O_RDONLY));
  } catch (error) {
    throw dataFileError(path, "read the append-only file", error);
  }
}

class SystemReadableFile implements ReadableFile {
  readonly path: string;
  readonly sizeBytes: number;
  readonly #fileDescriptor: number;

  constructor(path: string, fileDescriptor: number) {
    this.path = path;
    this.#fileDescriptor = fileDescriptor;
    this.sizeBytes = fstatSync(fileDescriptor).size;
  }

  read(target: Uint8Array, offset: number): number {
    const sizeBytes = Math.min(target.length, this.sizeBytes - offset);
    let done = 0;
    while (done < sizeBytes) {
      const count = this.#read(target, done, sizeBytes - done, offset + done);
      // It has become shorter since it was opened.
      if (count === 0) break;
      done += count;
    }
    return done;
  }

  close(): void {
    closeSync(this.#fileDescriptor);
  }

  #read(target: Uint8Array, at: number, sizeBytes: number, position: number): number {
    try {
      return readSync(this.#fileDescriptor, target, at, sizeBytes, position);
    } catch (error) {
      throw dataFileError(this.path, `read ${sizeBytes} bytes at ${position}`, error);
    }
  }
}
