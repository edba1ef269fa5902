/**
 * Opening the data file (spec 04 §4.1, spec 06 §4.10).
 *
 * @module
 */
import { type BigIntStats, closeSync, constants, existsSync, fstatSync, openSync, statSync, unlinkSync } from "node:fs";
import { dirname } from "node:path";
import { assert } from "@stagbeetle/kernels";
import { type Config, type Logger, SILENT_LOGGER, zoneSize } from "@stagbeetle/vsr-protocol";
import { blockDeviceSizeBytes, startIsZero } from "./block-device.ts";
import { DataFileError, dataFileError } from "./data-file-error.ts";
import {
  decideDirectIo,
  type DirectIoMode,
  directorySupportsDirectIo,
  fileSupportsDirectIo,
  isMemoryFileSystem,
} from "./direct-io.ts";
import { makeDurableByName } from "./durable-name.ts";
import { acquireFileLock, type FileLock, fileIdentity } from "./lock.ts";
import { type ReservationMode, reserveSpace } from "./reservation.ts";
import { loadSystemCalls, type SystemCalls } from "./system-calls.ts";

/** What the file is opened for: to be created, to run a replica on, or to be looked at and not written to. */
export type DataFilePurpose = "format" | "open" | "inspect";

/** What a data file can be. */
export type DataFileKind = "regular_file" | "block_device";

/** How to open a data file. */
export interface DataFileOptions {
  readonly path: string;
  readonly purpose: DataFilePurpose;
  /** Says how large a data file is at least. */
  readonly config: Config;
  /** `disabled` where the configuration has no direct I/O. A file that is only inspected makes do without. */
  readonly directIo: DirectIoMode;
  /** For `format` only. Guaranteed by default where direct I/O is required, else sparse. */
  readonly reservation?: ReservationMode;
  readonly logger?: Logger;
  /** Null to use nothing but Node. */
  readonly systemCalls?: SystemCalls | null;
}

/** An open, locked data file. */
export class DataFile {
  readonly path: string;
  readonly kind: DataFileKind;
  readonly fileDescriptor: number;
  /** Whether reads and writes bypass the page cache and therefore need aligned memory. */
  readonly directIo: boolean;
  /** The size in bytes when it was opened; at least `dataFileSizeMin`. */
  readonly sizeBytes: number;
  readonly #lock: FileLock | null;

  /** Called by {@link openDataFile} only. */
  constructor(opening: Opening, sizeBytes: number, lock: FileLock | null) {
    this.path = opening.options.path;
    this.kind = opening.kind;
    this.fileDescriptor = opening.fileDescriptor;
    this.directIo = opening.directIo;
    this.sizeBytes = sizeBytes;
    this.#lock = lock;
  }

  /** Closes the file and gives its lock back. No I/O may be under way. */
  close(): void {
    closeSync(this.fileDescriptor);
    this.#lock?.release();
  }
}

/** What is known once the file is open. */
interface Opening {
  readonly options: DataFileOptions;
  readonly kind: DataFileKind;
  readonly directory: string;
  readonly directIo: boolean;
  readonly fileDescriptor: number;
  readonly logger: Logger;
  readonly systemCalls: SystemCalls | null;
}

/**
 * Opens, and for `format` creates, a data file: checks the path, takes the lock, reserves the space, makes durable what
 * an earlier process left, and checks the size. Its contents are neither read nor, apart from zeros, written.
 *
 * A file that could not be formatted is removed again.
 *
 * @throws DataFileError for everything that an operator can do something about.
 */
export async function openDataFile(options: DataFileOptions): Promise<DataFile> {
  const opening = open(options);
  let lock: FileLock | null = null;
  try {
    lock = await acquireLock(opening);
    if (options.purpose === "format") prepare(opening);
    // Never decide on what an earlier, crashed process wrote and the disk may yet lose.
    makeDurableByName(opening.fileDescriptor, opening.directory);
    return new DataFile(opening, checkedSizeBytes(opening), lock);
  } catch (error) {
    closeSync(opening.fileDescriptor);
    lock?.release();
    if (options.purpose === "format" && opening.kind === "regular_file") unlinkSync(options.path);
    throw dataFileError(options.path, `${options.purpose} the data file`, error);
  }
}

function open(options: DataFileOptions): Opening {
  const { path, purpose, logger = SILENT_LOGGER, systemCalls = loadSystemCalls() } = options;
  assert(path.length > 0, "the path is empty");
  const directory = dirname(path);
  try {
    const kind = kindAt(path, purpose);
    const directIo = usesDirectIo(options, kind, directory, logger);
    const flags = openFlags(purpose, kind, directIo);
    const fileDescriptor = openSync(path, flags, 0o600);
    const actual = kindOf(fstatSync(fileDescriptor, { bigint: true }));
    assert(actual === kind, () => `${path} was a ${kind} and became a ${actual ?? "something else"}`);
    return { options, kind, directory, directIo, fileDescriptor, logger, systemCalls };
  } catch (error) {
    throw dataFileError(path, `${purpose} the data file`, error);
  }
}

function kindAt(path: string, purpose: DataFilePurpose): DataFileKind {
  const stats = statSync(path, { bigint: true, throwIfNoEntry: false });
  if (stats === undefined) {
    if (purpose === "format") return "regular_file";
    throw new DataFileError("path_not_found", path, "there is no data file; create one with `format`");
  }
  const kind = kindOf(stats);
  if (kind === null) throw new DataFileError("not_a_file", path, "it is neither a regular file nor a block device");
  return kind;
}

function kindOf(stats: BigIntStats): DataFileKind | null {
  if (stats.isFile()) return "regular_file";
  return stats.isBlockDevice() ? "block_device" : null;
}

function usesDirectIo(options: DataFileOptions, kind: DataFileKind, directory: string, logger: Logger): boolean {
  const { path, purpose, directIo: mode } = options;
  if (kind === "block_device") return mode !== "disabled";
  const decision = decideDirectIo({
    mode,
    inspect: purpose === "inspect",
    inMemory: isMemoryFileSystem(directory),
    supported: () => (existsSync(path) ? fileSupportsDirectIo(path) : directorySupportsDirectIo(directory)),
  });
  if (decision.kind === "refused") throw new DataFileError("direct_io_unsupported", path, decision.reason);
  if (decision.kind === "direct") return true;
  if (decision.warning !== null) logger.log("warn", decision.warning, { path });
  return false;
}

function openFlags(purpose: DataFilePurpose, kind: DataFileKind, directIo: boolean): number {
  const { O_RDONLY, O_RDWR, O_DSYNC, O_DIRECT, O_CREAT, O_EXCL } = constants;
  let flags = O_DSYNC | (purpose === "inspect" ? O_RDONLY : O_RDWR);
  if (directIo) flags |= O_DIRECT;
  if (kind === "block_device" && directIo) flags |= O_EXCL;
  if (kind === "regular_file" && purpose === "format") flags |= O_CREAT | O_EXCL;
  return flags;
}

async function acquireLock({ options, fileDescriptor, systemCalls, logger }: Opening): Promise<FileLock | null> {
  const identity = fileIdentity(fstatSync(fileDescriptor, { bigint: true }));
  const lock = await acquireFileLock(fileDescriptor, identity, systemCalls);
  if (lock !== null) return lock;
  if (options.purpose !== "inspect") {
    throw new DataFileError("locked", options.path, "another process holds the lock of the data file; stop it first");
  }
  logger.log("warn", "another process holds the lock of the data file: what is read may be inconsistent");
  return null;
}

function prepare({ options, kind, directory, fileDescriptor, systemCalls, logger }: Opening): void {
  const { config, path } = options;
  const sizeBytes = config.derived.dataFileSizeMin;
  if (kind === "regular_file") {
    const mode = options.reservation ?? (options.directIo === "required" ? "guaranteed" : "sparse");
    reserveSpace({ fileDescriptor, sizeBytes, directory, mode, systemCalls, logger });
    return;
  }
  if (!startIsZero(fileDescriptor, zoneSize(config, "superblock"))) {
    throw new DataFileError("device_not_empty", path, "the device is not empty; erase its first megabyte to use it");
  }
  logger.log("warn", "the device is not discarded before it is formatted; run blkdiscard first to have that");
}

function checkedSizeBytes({ options, kind, fileDescriptor }: Opening): number {
  const sizeMinBytes = options.config.derived.dataFileSizeMin;
  const stats = fstatSync(fileDescriptor, { bigint: true });
  const sizeBytes = kind === "block_device" ? blockDeviceSizeBytes(stats.rdev) : Number(stats.size);
  if (sizeBytes >= sizeMinBytes) return sizeBytes;
  const what = kind === "block_device" ? "the device is too small" : "the file was truncated or is no data file";
  throw new DataFileError("too_small", options.path, `${what}: it has ${sizeBytes} of at least ${sizeMinBytes} bytes`);
}
