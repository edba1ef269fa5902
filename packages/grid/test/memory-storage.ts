/**
 * The grid zone of a data file in memory, for tests: sectors that were written, completions that run when the test says so
 * and in an order of its choice, damage, and crashes. It also computes checksums, for whoever wants them to come later.
 */
import { assert } from "@stagbeetle/kernels";
import {
  type BodyChecksums,
  type ChecksumRequest,
  Checksums,
  type Config,
  SECTOR_SIZE_BYTES,
  type Storage,
  type StorageRequest,
  verifyIop,
  type Zone,
} from "@stagbeetle/vsr-protocol";

interface Pending {
  readonly kind: "read" | "write" | "checksum" | "tick";
  readonly offset: number;
  readonly buffer: Uint8Array;
  readonly complete: () => void;
}

const STEPS_MAX = 1_000_000;

/** Only sectors that were written take memory; all others are zero. */
export class MemoryStorage implements Storage, BodyChecksums {
  readonly deferredMax = 4;
  /** Which of the requests under way completes next: an index below `count`. The oldest unless said otherwise. */
  choose: (count: number) => number = () => 0;
  /** Called when a read or a write of the block at `address` begins. */
  onBegin: (kind: "read" | "write", address: number) => void = () => undefined;
  readonly #config: Config;
  readonly #checksums = new Checksums();
  readonly #sectors = new Map<number, Uint8Array>();
  readonly #pending: Pending[] = [];

  constructor(config: Config) {
    this.#config = config;
  }

  /** How many reads and writes are under way. */
  get pendingCount(): number {
    return this.#pending.filter(({ kind }) => kind === "read" || kind === "write").length;
  }

  /** How many checksums are being computed. */
  get checksumCount(): number {
    return this.#pending.filter(({ kind }) => kind === "checksum").length;
  }

  readSectors(request: StorageRequest, zone: Zone, offsetInZone: number, buffer: Uint8Array): void {
    this.#begin("read", request, zone, offsetInZone, buffer);
  }

  writeSectors(request: StorageRequest, zone: Zone, offsetInZone: number, buffer: Uint8Array): void {
    const overlaps = this.#pending.some(({ kind, offset }) => kind === "write" && offset === offsetInZone);
    assert(!overlaps, () => `two writes at ${offsetInZone}`);
    this.#begin("write", request, zone, offsetInZone, buffer);
  }

  compute(request: ChecksumRequest, bytes: Uint8Array): void {
    request.begin(bytes);
    const complete = (): void => request.complete(this.#checksums.of(bytes));
    this.#pending.push({ kind: "checksum", offset: 0, buffer: bytes, complete });
  }

  nextTick(callback: () => void): void {
    this.#pending.push({ kind: "tick", offset: 0, buffer: new Uint8Array(0), complete: callback });
  }

  /** Completes one request or callback; false if none waits. */
  step(): boolean {
    if (this.#pending.length === 0) return false;
    const chosen = this.choose(this.#pending.length);
    // Ticks keep their order among themselves, as those of every storage do.
    const tick = this.#pending[chosen]?.kind === "tick";
    const [next] = this.#pending.splice(tick ? this.#pending.findIndex(({ kind }) => kind === "tick") : chosen, 1);
    assert(next !== undefined, () => `request ${chosen} of ${this.#pending.length}`);
    if (next.kind === "read") next.buffer.set(this.bytes(next.offset, next.buffer.length));
    if (next.kind === "write") this.#write(next.offset, next.buffer);
    next.complete();
    return true;
  }

  /** Completes requests until none waits. */
  run(): void {
    for (let steps = 0; this.step(); steps += 1) assert(steps < STEPS_MAX, "the storage comes to rest");
  }

  /**
   * The process dies: `survives` says of each sector of each write under way whether it was written; none unless given. Nothing
   * that was begun completes any more.
   */
  crash(survives: () => boolean = () => false): void {
    for (const { kind, offset, buffer } of this.#pending.splice(0)) {
      if (kind !== "write") continue;
      for (let at = 0; at < buffer.length; at += SECTOR_SIZE_BYTES) {
        if (survives()) this.#write(offset + at, buffer.subarray(at, at + SECTOR_SIZE_BYTES));
      }
    }
  }

  /** Bytes of the zone as they are on disk. */
  bytes(offset: number, sizeBytes: number): Uint8Array {
    const bytes = new Uint8Array(sizeBytes);
    for (let at = 0; at < sizeBytes; at += SECTOR_SIZE_BYTES) {
      const sector = this.#sectors.get((offset + at) / SECTOR_SIZE_BYTES);
      if (sector !== undefined) bytes.set(sector, at);
    }
    return bytes;
  }

  /** Flips a bit of the block at `address`. */
  damage(address: number, offsetInBlock: number): void {
    const offset = (address - 1) * this.#config.cluster.blockSize + offsetInBlock;
    const within = offset % SECTOR_SIZE_BYTES;
    const sector = this.bytes(offset - within, SECTOR_SIZE_BYTES);
    sector[within] = (sector[within] ?? 0) ^ 1;
    this.#write(offset - within, sector);
  }

  #begin(kind: "read" | "write", request: StorageRequest, zone: Zone, offset: number, buffer: Uint8Array): void {
    verifyIop(this.#config, zone, offset, buffer);
    assert(zone === "grid", () => `the grid uses ${zone}`);
    this.onBegin(kind, offset / this.#config.cluster.blockSize + 1);
    request.begin(zone, offset, buffer);
    this.#pending.push({ kind, offset, buffer, complete: () => request.complete() });
  }

  #write(offset: number, bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; at += SECTOR_SIZE_BYTES) {
      this.#sectors.set((offset + at) / SECTOR_SIZE_BYTES, bytes.slice(at, at + SECTOR_SIZE_BYTES));
    }
  }
}
