/**
 * System calls that Node does not offer, through its experimental `node:ffi` where that is there.
 *
 * Everything that uses them has a second way that needs no more than Node: they make locking, reserving space and
 * noticing dead peers better, and giving up a descriptor safe, never possible. Only integers and four bytes of memory cross the border.
 *
 * @module
 */
import type * as Ffi from "node:ffi";
import { endianness } from "node:os";

/** What an attempt to lock a file came to. */
export type LockAttempt = "acquired" | "held" | "unsupported";

/** A socket option as Linux numbers it: level and name. */
export interface SocketOption {
  readonly level: number;
  readonly name: number;
}

type SocketOptionName =
  | "receiveBuffer"
  | "receiveBufferForce"
  | "sendBuffer"
  | "sendBufferForce"
  | "keepAlive"
  | "noDelay"
  | "keepAliveIdleSeconds"
  | "keepAliveIntervalSeconds"
  | "keepAliveCount"
  | "userTimeoutMs";

/** The options that Node has no method for. The numbers are those of Linux on x86-64 and arm64. */
export const SocketOption: Readonly<Record<SocketOptionName, SocketOption>> = {
  receiveBuffer: { level: 1, name: 8 },
  receiveBufferForce: { level: 1, name: 33 },
  sendBuffer: { level: 1, name: 7 },
  sendBufferForce: { level: 1, name: 32 },
  keepAlive: { level: 1, name: 9 },
  noDelay: { level: 6, name: 1 },
  keepAliveIdleSeconds: { level: 6, name: 4 },
  keepAliveIntervalSeconds: { level: 6, name: 5 },
  keepAliveCount: { level: 6, name: 6 },
  userTimeoutMs: { level: 6, name: 18 },
};

/** The calls. File descriptors are those of Node. */
export interface SystemCalls {
  /** Takes the exclusive `flock` of an open file without waiting. Closing the descriptor, or death, gives it back. */
  tryLock(fileDescriptor: number): LockAttempt;
  /**
   * Allocates the first `sizeBytes` of an open file on disk (`fallocate`) and extends it to that size.
   *
   * @returns 0, or the number of the error (`os.constants.errno`).
   */
  allocate(fileDescriptor: number, sizeBytes: number): number;
  /** Sets an integer option of a socket. Returns whether the kernel took it. */
  setSocketOption(fileDescriptor: number, option: SocketOption, value: number): boolean;
  /** Makes `target` lead where `fileDescriptor` leads (`dup2`); it is free at no moment. Returns whether that was done. */
  duplicateOnto(fileDescriptor: number, target: number): boolean;
}

const LOCK_EXCLUSIVE_NON_BLOCKING = 2 | 4;
const ERRNO_INTERRUPTED = 4;
const ERRNO_WOULD_BLOCK = 11;

let loaded: SystemCalls | null | undefined;

/** The calls, or null where this Node has no `node:ffi`, was told not to use it, or runs on something else than Linux. */
export function loadSystemCalls(): SystemCalls | null {
  loaded ??= load();
  return loaded;
}

function load(): SystemCalls | null {
  if (process.platform !== "linux" || endianness() !== "LE" || !["x64", "arm64"].includes(process.arch)) return null;
  const ffi = importFfi();
  if (ffi === undefined) return null;
  try {
    return bind(ffi);
  } catch {
    // Forbidden by the permission model, or a C library without one of the symbols.
    return null;
  }
}

/** Imports `node:ffi` without the warning that it is experimental: an operator cannot do anything about it. */
function importFfi(): typeof Ffi | undefined {
  const emitWarning = Object.getOwnPropertyDescriptor(process, "emitWarning");
  if (emitWarning?.configurable !== true) return undefined;
  Object.defineProperty(process, "emitWarning", { ...emitWarning, value: () => undefined });
  try {
    return process.getBuiltinModule("node:ffi") as typeof Ffi | undefined;
  } catch {
    return undefined;
  } finally {
    Object.defineProperty(process, "emitWarning", emitWarning);
  }
}

function bind(ffi: typeof Ffi): SystemCalls {
  const { functions } = ffi.dlopen(null, {
    flock: { arguments: ["int32", "int32"], return: "int32" },
    fallocate: { arguments: ["int32", "int32", "int64", "int64"], return: "int32" },
    setsockopt: { arguments: ["int32", "int32", "int32", "buffer", "uint32"], return: "int32" },
    dup2: { arguments: ["int32", "int32"], return: "int32" },
    __errno_location: { arguments: [], return: "pointer" },
  });
  const errno = (): number => ffi.getInt32(functions.__errno_location());
  const optionValue = new Int32Array(1);
  return {
    tryLock(fileDescriptor) {
      if (functions.flock(fileDescriptor, LOCK_EXCLUSIVE_NON_BLOCKING) === 0) return "acquired";
      return errno() === ERRNO_WOULD_BLOCK ? "held" : "unsupported";
    },
    allocate(fileDescriptor, sizeBytes) {
      for (;;) {
        if (functions.fallocate(fileDescriptor, 0, 0n, BigInt(sizeBytes)) === 0) return 0;
        const error = errno();
        if (error !== ERRNO_INTERRUPTED) return error;
      }
    },
    setSocketOption(fileDescriptor, { level, name }, value) {
      optionValue[0] = value;
      return functions.setsockopt(fileDescriptor, level, name, optionValue, optionValue.byteLength) === 0;
    },
    duplicateOnto: (fileDescriptor, target) => functions.dup2(fileDescriptor, target) === target,
  };
}
