/**
 * Reserving the disk space of a new data file (spec 04 §4.1, step 5).
 *
 * Writes to the fixed zones must never find the disk full: a replica cannot go on without its log. The reference calls
 * `fallocate`. Where that can be reached, so does this; where not, there is no way of reserving blocks but writing them.
 *
 * @module
 */
import { fstatSync, ftruncateSync, statfsSync, writeSync } from "node:fs";
import { constants as osConstants } from "node:os";
import { getSystemErrorName } from "node:util";
import { assert } from "@stagbeetle/kernels";
import type { Logger } from "@stagbeetle/vsr-protocol";
import { alignedMemory } from "./aligned-memory.ts";
import type { SystemCalls } from "./system-calls.ts";

const CHUNK_SIZE_BYTES = 1_048_576;

/**
 * What to do where `fallocate` is missing: `guaranteed` writes zeros, which costs the time of writing the whole size;
 * `sparse` only extends the file after a look at the free space, which somebody else may take meanwhile.
 */
export type ReservationMode = "guaranteed" | "sparse";

/** What a reservation needs. */
export interface ReservationOptions {
  readonly fileDescriptor: number;
  /** A multiple of the sector size. */
  readonly sizeBytes: number;
  /** Where the file is, to find out how much space is free. */
  readonly directory: string;
  readonly mode: ReservationMode;
  readonly systemCalls: SystemCalls | null;
  readonly logger: Logger;
}

/**
 * Gives a new, empty file its size, all zeros, and the disk blocks for it.
 *
 * @throws a system error with a code such as `ENOSPC`.
 */
export function reserveSpace(options: ReservationOptions): void {
  const { fileDescriptor, sizeBytes } = options;
  assert(sizeBytes > 0 && Number.isSafeInteger(sizeBytes), () => `a reservation of ${sizeBytes} bytes`);
  if (!allocated(options)) {
    assertSpace(options);
    if (options.mode === "guaranteed") writeZeros(fileDescriptor, sizeBytes);
    else ftruncateSync(fileDescriptor, sizeBytes);
  }
  const actual = fstatSync(fileDescriptor).size;
  assert(actual === sizeBytes, () => `the new file has ${actual} instead of ${sizeBytes} bytes`);
}

/** Whether `fallocate` did it. */
function allocated({ fileDescriptor, sizeBytes, mode, systemCalls, logger }: ReservationOptions): boolean {
  if (systemCalls === null) return false;
  const errno = systemCalls.allocate(fileDescriptor, sizeBytes);
  if (errno === 0) return true;
  const { EOPNOTSUPP, ENOSYS, EINVAL } = osConstants.errno;
  if (errno !== EOPNOTSUPP && errno !== ENOSYS && errno !== EINVAL) throw systemError(errno, "fallocate");
  logger.log("warn", "the file system cannot reserve space", {
    instead: mode === "guaranteed" ? "the whole size is written" : "the file is sparse and the disk may fill up",
  });
  return false;
}

/** Refuses at once what cannot succeed, instead of filling the disk first. */
function assertSpace({ directory, sizeBytes }: ReservationOptions): void {
  const { bavail, blocks, bsize } = statfsSync(directory, { bigint: true });
  // Some file systems, ramfs for one, do not tell.
  if (blocks === 0n) return;
  if (bavail * bsize < BigInt(sizeBytes)) throw systemError(osConstants.errno.ENOSPC, "statfs");
}

/** Writes zeros in chunks of 1 MiB. Synchronous: it happens once in the life of a file, before anything else. */
function writeZeros(fileDescriptor: number, sizeBytes: number): void {
  const zeros = alignedMemory(CHUNK_SIZE_BYTES);
  let position = 0;
  while (position < sizeBytes) {
    const written = writeSync(fileDescriptor, zeros, 0, Math.min(CHUNK_SIZE_BYTES, sizeBytes - position), position);
    assert(written > 0, () => `nothing was written at ${position}`);
    position += written;
  }
}

function systemError(errno: number, call: string): Error {
  const code = getSystemErrorName(-errno);
  return Object.assign(new Error(`${call} failed: ${code}`), { code, errno: -errno, syscall: call });
}
