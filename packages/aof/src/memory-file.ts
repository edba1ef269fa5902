/**
 * A file in memory, for tests, simulations and places without a disk.
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import type { AppendFile, PathTarget, ReadableFile } from "./file.ts";

const CAPACITY_MIN_BYTES = 4096;

/** How to make a file. */
export interface MemoryFileOptions {
  readonly path?: string;
  /** What is in it. Copied. */
  readonly bytes?: Uint8Array;
  /** Runs callbacks later, never from inside the call; needed only by who syncs. */
  readonly nextTick?: (callback: () => void) => void;
}

/** Bytes that can be appended to, synced, lost and read. */
export class MemoryFile implements AppendFile, ReadableFile {
  readonly path: string;
  readonly #nextTick: ((callback: () => void) => void) | null;
  #memory: Uint8Array = new Uint8Array(0);
  #sizeBytes = 0;
  #syncedSizeBytes = 0;
  #pathTarget: PathTarget = "same";
  /** Files that were left when their path led nowhere, oldest first. */
  readonly left: Uint8Array[] = [];

  constructor({ path = "memory.aof", bytes = new Uint8Array(0), nextTick }: MemoryFileOptions = {}) {
    this.path = path;
    this.#nextTick = nextTick ?? null;
    this.append([bytes]);
    this.#syncedSizeBytes = bytes.length;
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /** How many bytes a crash of the machine leaves for certain. */
  get syncedSizeBytes(): number {
    return this.#syncedSizeBytes;
  }

  /** What is in the file: a view that is good until the next append. */
  get bytes(): Uint8Array {
    return this.#memory.subarray(0, this.#sizeBytes);
  }

  append(parts: readonly Uint8Array[]): void {
    for (const part of parts) {
      this.#reserve(this.#sizeBytes + part.length);
      this.#memory.set(part, this.#sizeBytes);
      this.#sizeBytes += part.length;
    }
  }

  sync(callback: () => void): void {
    const sizeBytes = this.#sizeBytes;
    this.#later(() => {
      this.#syncedSizeBytes = Math.max(this.#syncedSizeBytes, Math.min(sizeBytes, this.#sizeBytes));
      callback();
    });
  }

  pathTarget(): PathTarget {
    return this.#pathTarget;
  }

  recreate(callback: () => void): void {
    this.left.push(this.bytes.slice());
    this.truncate(0);
    this.#pathTarget = "same";
    this.#later(callback);
  }

  read(target: Uint8Array, offset: number): number {
    const bytes = this.bytes.subarray(offset, offset + target.length);
    target.set(bytes);
    return bytes.length;
  }

  close(): void {
    // There is nothing to give back.
  }

  /** Makes the path lead elsewhere, as an operator does who moves the file. */
  setPathTarget(target: PathTarget): void {
    this.#pathTarget = target;
  }

  /** Cuts the file, as a crash of the machine does behind what was synced. */
  truncate(sizeBytes: number): void {
    assert(sizeBytes >= 0 && sizeBytes <= this.#sizeBytes, () => `${sizeBytes} of ${this.#sizeBytes} bytes`);
    this.#sizeBytes = sizeBytes;
    this.#syncedSizeBytes = Math.min(this.#syncedSizeBytes, sizeBytes);
  }

  #reserve(sizeBytes: number): void {
    if (sizeBytes <= this.#memory.length) return;
    const memory = new Uint8Array(Math.max(CAPACITY_MIN_BYTES, 2 * this.#memory.length, sizeBytes));
    memory.set(this.bytes);
    this.#memory = memory;
  }

  #later(callback: () => void): void {
    assert(this.#nextTick !== null, "a file that is synced needs `nextTick`");
    this.#nextTick(callback);
  }
}
