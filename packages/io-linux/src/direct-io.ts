/**
 * Whether a file system takes direct I/O (spec 04 §4.1, step 2).
 *
 * @module
 */
import { closeSync, constants, openSync, readSync, statfsSync, unlinkSync, writeSync } from "node:fs";
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { SECTOR_SIZE_BYTES } from "@stagbeetle/vsr-protocol";
import { alignedMemory } from "./aligned-memory.ts";
import { systemErrorCode } from "./data-file-error.ts";

const TMPFS_MAGIC = 0x0102_1994;

/**
 * Whether files past the page cache are required, wanted or not used at all.
 *
 * After a failed fsync the page cache cannot be trusted to hold what the disk holds, so production requires it.
 */
export type DirectIoMode = "required" | "optional" | "disabled";

/** How a regular file is opened: directly, or through the page cache with a warning about what that means, or not at all. */
export type DirectIoDecision =
  | { readonly kind: "direct" }
  | { readonly kind: "page_cache"; readonly warning: string | null }
  | { readonly kind: "refused"; readonly reason: string };

/** What the decision depends on. */
export interface DirectIoQuestion {
  readonly mode: DirectIoMode;
  /** Whether the file is only looked at. */
  readonly inspect: boolean;
  /** Whether it lies on tmpfs. */
  readonly inMemory: boolean;
  /** Tries out whether its file system has direct I/O. Asked only if it matters. */
  readonly supported: () => boolean;
}

/** Decides how to open a regular file. */
export function decideDirectIo({ mode, inspect, inMemory, supported }: DirectIoQuestion): DirectIoDecision {
  if (mode === "disabled") return { kind: "page_cache", warning: null };
  if (inMemory) {
    return { kind: "page_cache", warning: "the data file is in memory (tmpfs): it is lost when the machine stops" };
  }
  if (supported()) return { kind: "direct" };
  if (mode === "optional" || inspect) {
    return { kind: "page_cache", warning: "the file system has no direct I/O: a failing disk may lose data unnoticed" };
  }
  const advice = "use another one, or --development if the data may be lost when the disk fails";
  return { kind: "refused", reason: `its file system has no direct I/O; ${advice}` };
}

/** Whether the directory lies in memory (tmpfs), where nothing survives and direct I/O has no meaning. */
export function isMemoryFileSystem(directory: string): boolean {
  return statfsSync(directory).type === TMPFS_MAGIC;
}

/** Whether the existing file can be read with direct I/O. It is not changed. */
export function fileSupportsDirectIo(path: string): boolean {
  let fileDescriptor: number;
  try {
    fileDescriptor = openSync(path, constants.O_RDONLY | constants.O_DIRECT);
  } catch (error) {
    if (systemErrorCode(error) === "EINVAL") return false;
    throw error;
  }
  try {
    readSync(fileDescriptor, alignedMemory(SECTOR_SIZE_BYTES), 0, SECTOR_SIZE_BYTES, 0);
    return true;
  } catch (error) {
    // Some file systems refuse only the transfer. A sector that cannot be read says nothing: reading copes with it later.
    return systemErrorCode(error) !== "EINVAL";
  } finally {
    closeSync(fileDescriptor);
  }
}

/** Whether new files in the directory can be used with direct I/O, tried on a temporary file of one sector. */
export function directorySupportsDirectIo(directory: string): boolean {
  const path = join(directory, `fs_supports_direct_io-${randomBytes(8).toString("hex")}`);
  const fileDescriptor = openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL, 0o600);
  try {
    writeSync(fileDescriptor, alignedMemory(SECTOR_SIZE_BYTES));
    return fileSupportsDirectIo(path);
  } finally {
    closeSync(fileDescriptor);
    unlinkSync(path);
  }
}
