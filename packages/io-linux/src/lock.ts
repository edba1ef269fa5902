/**
 * The lock that keeps two processes from writing to one data file (spec 04 §4.1, step 4).
 *
 * The reference takes `flock`, for which Node has no call. So up to two locks are taken, both given back by the kernel
 * when the process dies, however it dies:
 *
 * 1. `flock`, where {@link loadSystemCalls} can reach it. It excludes every process that asks for it, the reference too.
 * 2. An abstract Unix socket named after the device and inode of the file. It excludes processes of this implementation
 *    in the same network namespace, even if one of them has no `flock`.
 *
 * Without `flock`, `/proc/locks` is read to see whether somebody else holds one. That finds a server of the reference
 * that is running, as far as `/proc` shows it, but cannot keep one from starting later.
 *
 * @module
 */
import { type BigIntStats, readFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { setTimeout } from "node:timers/promises";
import { systemErrorCode } from "./data-file-error.ts";
import type { SystemCalls } from "./system-calls.ts";

/** A killed process may hold its lock until the kernel has finished its I/O. */
const RETRIES_MAX = 5;
const RETRY_DELAY_MS = 50;

/** A file or device as the kernel knows it, whatever path leads to it. */
export interface FileIdentity {
  readonly device: bigint;
  readonly inode: bigint;
}

/** The identity behind a descriptor: of the file, or of the device that a device node stands for. */
export function fileIdentity(stats: BigIntStats): FileIdentity {
  return stats.isBlockDevice() ? { device: stats.rdev, inode: 0n } : { device: stats.dev, inode: stats.ino };
}

/** A held lock. */
export class FileLock {
  readonly #socket: Server | null;

  constructor(socket: Server | null) {
    this.#socket = socket;
  }

  /** Gives the lock back, except for `flock`, which goes when the file is closed. */
  release(): void {
    this.#socket?.close();
  }
}

/**
 * Takes the lock of an open file, with up to 5 retries at 50 ms.
 *
 * @param systemCalls null to do without `flock`.
 * @returns null if another process holds it.
 */
export async function acquireFileLock(
  fileDescriptor: number,
  identity: FileIdentity,
  systemCalls: SystemCalls | null,
): Promise<FileLock | null> {
  let flocked = false;
  for (let attempt = 0; ; attempt += 1) {
    flocked ||= flockAcquired(fileDescriptor, identity, systemCalls);
    if (flocked) {
      const socket = await listenOnAbstractSocket(identity);
      if (socket !== "held") return new FileLock(socket);
    }
    if (attempt === RETRIES_MAX) return null;
    await setTimeout(RETRY_DELAY_MS);
  }
}

function flockAcquired(fileDescriptor: number, identity: FileIdentity, systemCalls: SystemCalls | null): boolean {
  const attempt = systemCalls?.tryLock(fileDescriptor) ?? "unsupported";
  if (attempt === "unsupported") return !lockedByAnother(readLocks(), identity);
  return attempt === "acquired";
}

/** The contents of `/proc/locks`; empty where it cannot be read. */
function readLocks(): string {
  try {
    return readFileSync("/proc/locks", "latin1");
  } catch {
    return "";
  }
}

/** Whether one of the lines of `/proc/locks` is a whole-file lock (`FLOCK`) on the file. */
export function lockedByAnother(locks: string, { device, inode }: FileIdentity): boolean {
  const major = ((device >> 8n) & 0xfffn) | ((device >> 32n) & ~0xfffn);
  const minor = (device & 0xffn) | ((device >> 12n) & ~0xffn);
  const hex = (value: bigint): string => value.toString(16).padStart(2, "0");
  const place = `${hex(major)}:${hex(minor)}:${inode}`;
  return locks.split("\n").some((line) => {
    const words = line.trim().split(/\s+/);
    return words[1] === "FLOCK" && words.includes(place);
  });
}

/** Returns the socket, "held" if another process has it, or null where there are no abstract sockets. */
function listenOnAbstractSocket({ device, inode }: FileIdentity): Promise<Server | "held" | null> {
  const { promise, resolve } = Promise.withResolvers<Server | "held" | null>();
  const server = createServer((connection) => connection.destroy());
  server.on("error", (error) => resolve(systemErrorCode(error) === "EADDRINUSE" ? "held" : null));
  server.listen({ path: `\0stagbeetle/data-file/${device}:${inode}` }, () => resolve(server));
  server.unref();
  return promise;
}
