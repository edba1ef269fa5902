/**
 * The storage port on a file (spec 04 §4).
 *
 * @module
 */
import { read as fsRead, write as fsWrite } from "node:fs";
import { assert } from "@stagbeetle/kernels";
import {
  type Config,
  fatal,
  FatalReason,
  type Logger,
  SECTOR_SIZE_BYTES,
  SILENT_LOGGER,
  type Storage,
  type StorageRequest,
  verifyIop,
  type Zone,
  zoneStart,
  ZONES,
} from "@stagbeetle/vsr-protocol";
import { systemErrorCode } from "./data-file-error.ts";
import { SectorRead, TRANSFER_SIZE_MAX_BYTES } from "./sector-read.ts";

/** Called when a transfer ended: with an error, or with the number of bytes. */
export type TransferCallback = (error: Error | null, sizeBytes: number) => void;

/** A read or write at a position of a file, as in `node:fs`. Never calls back from inside the call. */
export type Transfer = (
  fileDescriptor: number,
  buffer: Uint8Array,
  offset: number,
  sizeBytes: number,
  position: number,
  callback: TransferCallback,
) => void;

/** The two calls that the storage makes; tests pass ones that fail. */
export interface FileTransfers {
  readonly read: Transfer;
  readonly write: Transfer;
}

type RequestKind = "read" | "write";

/** Is told of each request that is complete: how long the system took for it, every attempt included (ns). */
export type RequestObserver = (kind: RequestKind, zone: Zone, durationNs: number) => void;

const NS_PER_MS = 1_000_000;

const NO_BYTES: Uint8Array = new Uint8Array(0);

const NODE_FILE_TRANSFERS: FileTransfers = { read: fsRead, write: fsWrite };

/** The disk refused a write for another reason than space. The process ends: a replica that cannot write must not go on. */
export class WriteError extends Error {
  override readonly name = "WriteError";
}

/** How to make a storage. */
export interface FileStorageOptions {
  readonly config: Config;
  /** The open file; see `openDataFile`. */
  readonly file: { readonly fileDescriptor: number };
  readonly logger?: Logger;
  /** `node:fs` by default. */
  readonly transfers?: FileTransfers;
  /**
   * How many requests the operating system gets at once; the others wait in order. By default as many as all users of
   * the storage together may have under way (spec 04 §2), so that none waits.
   */
  readonly concurrencyMax?: number;
  /** Null, the default, measures nothing. */
  readonly onRequest?: RequestObserver | null;
}

/**
 * Reads and writes of whole sectors through the thread pool of Node.
 *
 * How many of them really run at the same time is decided by the size of that pool (`UV_THREADPOOL_SIZE`, 4 by default).
 */
export class FileStorage implements Storage {
  readonly #config: Config;
  readonly #zoneStarts: ReadonlyMap<Zone, number>;
  readonly #idle: Operation[] = [];
  readonly #waiting: { readonly kind: RequestKind; readonly request: StorageRequest }[] = [];
  readonly #concurrencyMax: number;
  #ticked: (() => void)[] = [];
  #drained: (() => void) | null = null;
  #closed = false;

  constructor({
    config,
    file,
    logger = SILENT_LOGGER,
    transfers = NODE_FILE_TRANSFERS,
    concurrencyMax,
    onRequest = null,
  }: FileStorageOptions) {
    this.#config = config;
    this.#zoneStarts = new Map(ZONES.map((zone) => [zone, zoneStart(config, zone)]));
    this.#concurrencyMax = concurrencyMax ?? requestsMax(config);
    assert(this.#concurrencyMax > 0, () => `${this.#concurrencyMax} requests at once`);
    const finished = (operation: Operation, request: StorageRequest): void => this.#finished(operation, request);
    for (let index = 0; index < this.#concurrencyMax; index += 1) {
      this.#idle.push(new Operation(file.fileDescriptor, transfers, logger, onRequest, finished));
    }
  }

  /** How many requests were started and are not complete. */
  get pendingCount(): number {
    return this.#concurrencyMax - this.#idle.length + this.#waiting.length;
  }

  readSectors(request: StorageRequest, zone: Zone, offsetInZone: number, buffer: Uint8Array): void {
    this.#begin("read", request, zone, offsetInZone, buffer);
  }

  writeSectors(request: StorageRequest, zone: Zone, offsetInZone: number, buffer: Uint8Array): void {
    this.#begin("write", request, zone, offsetInZone, buffer);
  }

  nextTick(callback: () => void): void {
    assert(!this.#closed, "the storage is closed");
    if (this.#ticked.push(callback) === 1) setImmediate(() => this.#runTicked());
  }

  /**
   * Waits until nothing is pending, not even what completions started. For an orderly end: stop whatever starts requests
   * from outside, drain, close.
   */
  async drain(): Promise<void> {
    assert(this.#drained === null, "the storage is drained twice");
    if (this.pendingCount === 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#drained = resolve;
    return promise;
  }

  /** Ends the use of the storage. Nothing may be pending; the file stays open. */
  close(): void {
    assert(this.pendingCount === 0, () => `${this.pendingCount} requests are pending`);
    this.#closed = true;
  }

  #begin(kind: RequestKind, request: StorageRequest, zone: Zone, offsetInZone: number, buffer: Uint8Array): void {
    assert(!this.#closed, "the storage is closed");
    verifyIop(this.#config, zone, offsetInZone, buffer);
    request.begin(zone, offsetInZone, buffer);
    const operation = this.#idle.pop();
    if (operation === undefined) this.#waiting.push({ kind, request });
    else operation.begin(kind, request, this.#position(request));
  }

  #position({ zone, offsetInZone }: StorageRequest): number {
    const start = this.#zoneStarts.get(zone);
    assert(start !== undefined, () => `not a zone: ${zone}`);
    const position = start + offsetInZone;
    assert(Number.isSafeInteger(position), () => `offset ${offsetInZone} in ${zone} is beyond every file`);
    return position;
  }

  /** The operation goes on with the next request before the owner of the last one hears of it. */
  #finished(operation: Operation, request: StorageRequest): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#idle.push(operation);
    else operation.begin(next.kind, next.request, this.#position(next.request));
    request.complete();
    if (this.pendingCount === 0) this.#drained?.();
  }

  /** Callbacks that are added meanwhile wait for the next turn, so that I/O comes in between. */
  #runTicked(): void {
    const ticked = this.#ticked;
    this.#ticked = [];
    for (const callback of ticked) callback();
  }
}

/** How many requests the users of the storage can have under way at once. */
function requestsMax({ process }: Config): number {
  const superblock = 1;
  return (
    process.journalIopsReadMax +
    process.journalIopsWriteMax +
    process.clientRepliesIopsReadMax +
    process.clientRepliesIopsWriteMax +
    process.gridIopsReadMax +
    process.gridIopsWriteMax +
    2 * superblock
  );
}

/** One request under way, in as many transfers as it takes. Made at start-up and used again and again. */
class Operation {
  readonly #fileDescriptor: number;
  readonly #transfers: FileTransfers;
  readonly #logger: Logger;
  readonly #onRequest: RequestObserver | null;
  readonly #finished: (operation: Operation, request: StorageRequest) => void;
  readonly #reading: SectorRead = new SectorRead();
  readonly #onRead: TransferCallback = (error, sizeBytes) => this.#readEnded(error, sizeBytes);
  readonly #onWritten: TransferCallback = (error, sizeBytes) => this.#writeEnded(error, sizeBytes);
  #request: StorageRequest | null = null;
  #buffer: Uint8Array = NO_BYTES;
  /** Where in the file the buffer begins, in bytes. */
  #position = 0;
  #writtenSizeBytes = 0;
  #kind: RequestKind = "read";
  /** When it began, if that is to be told. */
  #beganMs = 0;

  constructor(
    fileDescriptor: number,
    transfers: FileTransfers,
    logger: Logger,
    onRequest: RequestObserver | null,
    finished: (operation: Operation, request: StorageRequest) => void,
  ) {
    this.#fileDescriptor = fileDescriptor;
    this.#transfers = transfers;
    this.#logger = logger;
    this.#onRequest = onRequest;
    this.#finished = finished;
  }

  begin(kind: RequestKind, request: StorageRequest, position: number): void {
    assert(this.#request === null, "the operation is under way");
    this.#request = request;
    this.#buffer = request.buffer;
    this.#position = position;
    this.#kind = kind;
    if (this.#onRequest !== null) this.#beganMs = performance.now();
    if (kind === "read") {
      this.#reading.begin(request.buffer);
      this.#readNext();
    } else {
      this.#writtenSizeBytes = 0;
      this.#writeNext();
    }
  }

  #end(): void {
    const request = this.#request;
    assert(request !== null, "the operation is idle");
    this.#request = null;
    this.#onRequest?.(this.#kind, request.zone, Math.round((performance.now() - this.#beganMs) * NS_PER_MS));
    this.#finished(this, request);
  }

  #readNext(): void {
    const done = this.#reading.doneSizeBytes;
    const target = this.#reading.targetSizeBytes;
    this.#transfers.read(this.#fileDescriptor, this.#buffer, done, target, this.#position + done, this.#onRead);
  }

  #readEnded(error: Error | null, sizeBytes: number): void {
    if (error === null) {
      if (sizeBytes === 0) this.#reading.end();
      else this.#reading.advance(sizeBytes);
    } else {
      this.#readFailed(error);
    }
    if (this.#reading.targetSizeBytes === 0) this.#end();
    else this.#readNext();
  }

  #readFailed(error: Error): void {
    const code = systemErrorCode(error);
    if (code === "EINTR" || code === "EAGAIN") return;
    const position = this.#position + this.#reading.doneSizeBytes;
    // Behind the odd end of a damaged file, direct I/O refuses positions that are not aligned instead of reading nothing.
    const isOddEnd = code === "EINVAL" && position % SECTOR_SIZE_BYTES !== 0;
    assert(code === "EIO" || isOddEnd, () => `impossible read at ${position}: ${error.message}`);
    this.#logger.log("warn", "a read failed; what cannot be read is repaired if it was needed", {
      position,
      sizeBytes: this.#reading.targetSizeBytes,
      code,
    });
    if (isOddEnd) this.#reading.end();
    else this.#reading.fail();
  }

  #writeNext(): void {
    const done = this.#writtenSizeBytes;
    const target = Math.min(this.#buffer.length - done, TRANSFER_SIZE_MAX_BYTES);
    this.#transfers.write(this.#fileDescriptor, this.#buffer, done, target, this.#position + done, this.#onWritten);
  }

  #writeEnded(error: Error | null, sizeBytes: number): void {
    if (error === null) {
      if (sizeBytes === 0) throw new WriteError(this.#describeWrite("nothing was written"));
      this.#writtenSizeBytes += sizeBytes;
      assert(
        this.#writtenSizeBytes <= this.#buffer.length,
        () => `${this.#writtenSizeBytes} of ${this.#buffer.length} bytes written`,
      );
    } else {
      this.#writeFailed(error);
    }
    if (this.#writtenSizeBytes === this.#buffer.length) this.#end();
    else this.#writeNext();
  }

  #writeFailed(error: Error): void {
    const code = systemErrorCode(error);
    if (code === "EINTR") return;
    if (code === "ENOSPC" || code === "EDQUOT") {
      fatal(FatalReason.noSpaceLeft, this.#describeWrite("no space left on the disk of the data file; free some"));
    }
    throw new WriteError(this.#describeWrite(error.message), { cause: error });
  }

  #describeWrite(message: string): string {
    const { zone, offsetInZone } = this.#request ?? { zone: "no zone", offsetInZone: 0 };
    return `writing ${this.#buffer.length} bytes at ${offsetInZone} of ${zone} failed: ${message}`;
  }
}
