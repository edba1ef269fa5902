/**
 * The port to the data file (spec 04 §3, §4).
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import type { Zone } from "../zone.ts";

/**
 * One read or write of whole sectors, allocated once by its owner and used again and again.
 *
 * The owner fills it in through {@link StorageRequest.begin} by handing it to the storage, and gets it back through
 * `onComplete`, which is never called from inside the call that started the request.
 */
export class StorageRequest {
  /** Called once per use, when all bytes were read or are durable. The request may be used again from within. */
  readonly onComplete: (request: StorageRequest) => void;
  #zone: Zone = "superblock";
  #offsetInZone = 0;
  #buffer: Uint8Array | null = null;

  constructor(onComplete: (request: StorageRequest) => void) {
    this.onComplete = onComplete;
  }

  /** Whether the storage holds the request: between the start and the completion. */
  get pending(): boolean {
    return this.#buffer !== null;
  }

  get zone(): Zone {
    return this.#zone;
  }

  /** Bytes from the start of the zone; a multiple of the sector size. */
  get offsetInZone(): number {
    return this.#offsetInZone;
  }

  /** The memory read into or written from; a multiple of the sector size, aligned to it. */
  get buffer(): Uint8Array {
    assert(this.#buffer !== null, "the request is idle");
    return this.#buffer;
  }

  /** Called by the storage when it takes the request. */
  begin(zone: Zone, offsetInZone: number, buffer: Uint8Array): void {
    assert(this.#buffer === null, () => `the request is pending in ${this.#zone} at ${this.#offsetInZone}`);
    this.#zone = zone;
    this.#offsetInZone = offsetInZone;
    this.#buffer = buffer;
  }

  /** Called by the storage when the request is done: makes it idle, then calls the owner. */
  complete(): void {
    assert(this.#buffer !== null, "the request is idle");
    this.#buffer = null;
    this.onComplete(this);
  }
}

/**
 * Sector I/O on the data file of one replica.
 *
 * There is no order between requests under way; who needs one waits for the earlier completion. A completed write is
 * durable. Every request satisfies `verifyIop` of `zone.ts`: aligned, inside its zone.
 */
export interface Storage {
  /**
   * Fills `buffer` from the zone. Always completes with a full buffer: what cannot be read, or lies beyond the end of
   * the file, comes back as zeros, and the checksum above finds it.
   */
  readSectors(request: StorageRequest, zone: Zone, offsetInZone: number, buffer: Uint8Array): void;

  /**
   * Writes `buffer` to the zone. A disk that refuses a write, or is full, ends the process (`FatalReason`): a replica
   * that cannot write must not go on.
   */
  writeSectors(request: StorageRequest, zone: Zone, offsetInZone: number, buffer: Uint8Array): void;

  /** Runs `callback` after the calls now on the stack have returned, behind the completions that are already there. */
  nextTick(callback: () => void): void;
}
