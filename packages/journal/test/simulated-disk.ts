/**
 * A disk in memory for the journal's tests: writes are pending until the test completes them, in any order, and a crash
 * does to those that are pending what a real one may do.
 */
import { assert } from "@stagbeetle/kernels";
import {
  type Config,
  SECTOR_SIZE_BYTES,
  type Storage,
  type StorageRequest,
  verifyIop,
  type Zone,
} from "@stagbeetle/vsr-protocol";

/** The zones that a journal lives in. */
export type JournalZone = "walHeaders" | "walPrepares";

/** What is on the disk: the bytes of both zones. */
export type Image = Readonly<Record<JournalZone, Uint8Array>>;

/** A disk on which nothing was ever written. */
export function emptyImage(config: Config): Image {
  return {
    walHeaders: new Uint8Array(config.derived.journalSizeHeaders),
    walPrepares: new Uint8Array(config.derived.journalSizePrepares),
  };
}

export function copyImage(image: Image): Image {
  return { walHeaders: image.walHeaders.slice(), walPrepares: image.walPrepares.slice() };
}

export function imagesEqual(left: Image, right: Image): boolean {
  const prepares = Buffer.compare(left.walPrepares, right.walPrepares);
  return prepares === 0 && Buffer.compare(left.walHeaders, right.walHeaders) === 0;
}

/** A read or write that the disk has not done yet. */
export interface PendingRequest {
  readonly kind: "read" | "write";
  readonly zone: JournalZone;
  readonly offset: number;
  readonly request: StorageRequest;
}

/** What becomes of a write that the disk claims to have done. */
export type WriteFate = "done" | "lost" | { readonly offset: number };

export class SimulatedDisk implements Storage {
  readonly image: Image;
  readonly pending: PendingRequest[] = [];
  /** Writes that have been asked for, so far. */
  writes = 0;
  /** Decides on the fate of each write, by its number from 0. */
  fate: (write: number, pending: PendingRequest) => WriteFate = () => "done";
  readonly #config: Config;
  readonly #ticks: (() => void)[] = [];
  readonly #fates = new Map<PendingRequest, WriteFate>();

  constructor(config: Config, image: Image) {
    this.#config = config;
    this.image = image;
  }

  readSectors(request: StorageRequest, zone: Zone, offsetInZone: number, buffer: Uint8Array): void {
    this.#begin("read", request, zone, offsetInZone, buffer);
  }

  writeSectors(request: StorageRequest, zone: Zone, offsetInZone: number, buffer: Uint8Array): void {
    const pending = this.#begin("write", request, zone, offsetInZone, buffer);
    for (const other of this.pending) {
      if (other === pending || other.kind === "read" || other.zone !== zone) continue;
      const apart =
        other.offset + other.request.buffer.length <= offsetInZone || offsetInZone + buffer.length <= other.offset;
      assert(apart, () => `two writes of ${zone} at ${offsetInZone} at once`);
    }
    this.#fates.set(pending, this.fate(this.writes, pending));
    this.writes += 1;
  }

  nextTick(callback: () => void): void {
    this.#ticks.push(callback);
  }

  /** Completes one pending request. */
  complete(index: number): void {
    const [pending] = this.pending.splice(index, 1);
    assert(pending !== undefined, () => `no pending request ${index}`);
    const { kind, zone, offset, request } = pending;
    const bytes = this.image[zone];
    if (kind === "read") request.buffer.set(bytes.subarray(offset, offset + request.buffer.length));
    else this.#apply(pending, () => true);
    request.complete();
  }

  /** Completes requests, the oldest first, until there are none. */
  drain(): void {
    for (let count = 0; this.pending.length > 0 || this.#ticks.length > 0; count += 1) {
      assert(count < 1_000_000, "the disk gets no rest");
      if (this.pending.length > 0) this.complete(0);
      else this.#ticks.shift()?.();
    }
  }

  /**
   * The power goes. Of each sector of each pending write, `survives` says whether it got to the disk. Returns what is on
   * the disk; this one is not to be used any more.
   */
  crash(survives: (pending: PendingRequest, sector: number) => boolean): Image {
    for (const pending of this.pending) {
      if (pending.kind === "write") this.#apply(pending, (sector) => survives(pending, sector));
    }
    this.pending.length = 0;
    return this.image;
  }

  #begin(
    kind: "read" | "write",
    request: StorageRequest,
    zone: Zone,
    offset: number,
    buffer: Uint8Array,
  ): PendingRequest {
    verifyIop(this.#config, zone, offset, buffer);
    assert(zone === "walHeaders" || zone === "walPrepares", () => `the journal has no business in ${zone}`);
    request.begin(zone, offset, buffer);
    const pending: PendingRequest = { kind, zone, offset, request };
    this.pending.push(pending);
    return pending;
  }

  #apply(pending: PendingRequest, survives: (sector: number) => boolean): void {
    const fate = this.#fates.get(pending) ?? "done";
    if (fate === "lost") return;
    const offset = fate === "done" ? pending.offset : fate.offset;
    const { buffer } = pending.request;
    for (let at = 0; at < buffer.length; at += SECTOR_SIZE_BYTES) {
      if (!survives(at / SECTOR_SIZE_BYTES)) continue;
      this.image[pending.zone].set(buffer.subarray(at, at + SECTOR_SIZE_BYTES), offset + at);
    }
  }
}
