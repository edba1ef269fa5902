/**
 * A disk in memory that costs no more than a copy: its reads and writes complete in the order in which they were asked for.
 */
import type { Storage, StorageRequest, Zone } from "@stagbeetle/vsr-protocol";

import type { Phases } from "./phases.ts";

/** The grid zone of a data file. Every block keeps its buffer, so that writing again allocates nothing. */
export class MemoryDisk implements Storage {
  readonly #phases: Phases;
  readonly #blockSize: number;
  readonly #blocks = new Map<number, Uint8Array>();
  readonly #waiting: (() => void)[] = [];
  /** Buffers whose pages are resident: the first touch of a page must not be what is measured. */
  readonly #spare: Uint8Array[] = [];
  /** How many blocks and bytes were written. */
  readonly written = { blocks: 0, bytes: 0 };

  constructor(phases: Phases, blockSize: number) {
    this.#phases = phases;
    this.#blockSize = blockSize;
  }

  readSectors(request: StorageRequest, zone: Zone, offsetInZone: number, buffer: Uint8Array): void {
    request.begin(zone, offsetInZone, buffer);
    this.#waiting.push(() => {
      this.#phases.measure("read", () => {
        const stored = this.#blocks.get(offsetInZone);
        if (stored === undefined) buffer.fill(0);
        else buffer.set(stored.subarray(0, buffer.length));
      });
      request.complete();
    });
  }

  writeSectors(request: StorageRequest, zone: Zone, offsetInZone: number, buffer: Uint8Array): void {
    request.begin(zone, offsetInZone, buffer);
    this.#waiting.push(() => {
      this.#phases.measure("write", () => this.#blockAt(offsetInZone).set(buffer));
      this.written.blocks += 1;
      this.written.bytes += buffer.length;
      request.complete();
    });
  }

  nextTick(callback: () => void): void {
    this.#waiting.push(callback);
  }

  /** Runs one completion; false if none waits. */
  step(): boolean {
    const next = this.#waiting.shift();
    next?.();
    return next !== undefined;
  }

  /** What is under way does not happen. */
  crash(): void {
    this.#waiting.length = 0;
  }

  /** Has room for so many more blocks. */
  prepare(blocks: number): void {
    while (this.#spare.length < blocks) this.#spare.push(new Uint8Array(this.#blockSize).fill(1));
  }

  #blockAt(offset: number): Uint8Array {
    let block = this.#blocks.get(offset);
    if (block === undefined) {
      block = this.#spare.pop() ?? new Uint8Array(this.#blockSize);
      this.#blocks.set(offset, block);
    }
    return block;
  }
}
