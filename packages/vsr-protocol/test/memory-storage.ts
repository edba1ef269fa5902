/**
 * A data file in memory for tests: sectors that were written, completions that run when the test says so, and crashes.
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import {
  type Config,
  SECTOR_SIZE_BYTES,
  type Storage,
  type StorageRequest,
  verifyIop,
  type Zone,
  zoneStart,
} from "@stagbeetle/vsr-protocol";

/** A write that the test may interrupt. `index` counts from 0 over all writes. */
export interface WriteAttempt {
  readonly index: number;
  readonly zone: Zone;
  readonly offsetInZone: number;
  readonly buffer: Uint8Array;
}

/** Whether a write succeeds, seems to, or what the disk holds when the process dies during it. */
export type WriteFate = "complete" | "lost" | { readonly crashWith: Uint8Array };

const STEPS_MAX = 1_000_000;

/** Only sectors that were written take memory; all others are zero. */
export class MemoryStorage implements Storage {
  /** What was asked for, in order: `read superblock 0` and so on. */
  readonly log: string[] = [];
  /** Decides on every write. */
  onWrite: (write: WriteAttempt) => WriteFate = () => "complete";
  /** How many completions run before the process dies. */
  crashAtStep: number = Number.POSITIVE_INFINITY;
  /** Whether the process has died: nothing completes any more. */
  crashed = false;
  readonly #config: Config;
  #sectors = new Map<number, Uint8Array>();
  readonly #queue: (() => void)[] = [];
  #writes = 0;
  #steps = 0;

  constructor(config: Config) {
    this.#config = config;
  }

  /** The same file after a restart. */
  restart(): MemoryStorage {
    const copy = new MemoryStorage(this.#config);
    copy.#sectors = new Map([...this.#sectors].map(([index, sector]) => [index, sector.slice()]));
    return copy;
  }

  readSectors(request: StorageRequest, zone: Zone, offsetInZone: number, buffer: Uint8Array): void {
    verifyIop(this.#config, zone, offsetInZone, buffer);
    this.log.push(`read ${zone} ${offsetInZone}`);
    request.begin(zone, offsetInZone, buffer);
    this.#queue.push(() => {
      buffer.set(this.read(zoneStart(this.#config, zone) + offsetInZone, buffer.length));
      request.complete();
    });
  }

  writeSectors(request: StorageRequest, zone: Zone, offsetInZone: number, buffer: Uint8Array): void {
    verifyIop(this.#config, zone, offsetInZone, buffer);
    this.log.push(`write ${zone} ${offsetInZone}`);
    request.begin(zone, offsetInZone, buffer);
    const index = this.#writes;
    this.#writes += 1;
    this.#queue.push(() => {
      const fate = this.onWrite({ index, zone, offsetInZone, buffer });
      const offset = zoneStart(this.#config, zone) + offsetInZone;
      if (typeof fate === "object") {
        this.write(offset, fate.crashWith);
        this.crashed = true;
        return;
      }
      if (fate === "complete") this.write(offset, buffer);
      request.complete();
    });
  }

  nextTick(callback: () => void): void {
    this.#queue.push(callback);
  }

  /** How many completions wait. */
  get pending(): number {
    return this.#queue.length;
  }

  /** Runs one completion; false if none waits or the process has died. */
  step(): boolean {
    if (this.#steps >= this.crashAtStep) this.crashed = true;
    if (this.crashed) return false;
    this.#steps += 1;
    const next = this.#queue.shift();
    if (next === undefined) return false;
    next();
    return true;
  }

  /** Runs completions until none waits. */
  run(): void {
    for (let steps = 0; this.step(); steps++) assert(steps < STEPS_MAX, "the storage comes to rest");
  }

  /** Bytes of the file. */
  read(offset: number, sizeBytes: number): Uint8Array {
    const bytes = new Uint8Array(sizeBytes);
    for (let done = 0; done < sizeBytes;) {
      const at = offset + done;
      const within = at % SECTOR_SIZE_BYTES;
      const length = Math.min(SECTOR_SIZE_BYTES - within, sizeBytes - done);
      const sector = this.#sectors.get((at - within) / SECTOR_SIZE_BYTES);
      if (sector !== undefined) bytes.set(sector.subarray(within, within + length), done);
      done += length;
    }
    return bytes;
  }

  /** Overwrites bytes of the file, as damage or as a write does. */
  write(offset: number, bytes: Uint8Array): void {
    for (let done = 0; done < bytes.length;) {
      const at = offset + done;
      const within = at % SECTOR_SIZE_BYTES;
      const length = Math.min(SECTOR_SIZE_BYTES - within, bytes.length - done);
      const index = (at - within) / SECTOR_SIZE_BYTES;
      const sector = this.#sectors.get(index) ?? new Uint8Array(SECTOR_SIZE_BYTES);
      sector.set(bytes.subarray(done, done + length), within);
      this.#sectors.set(index, sector);
      done += length;
    }
  }
}
