/**
 * The lock on sectors of the header ring (spec 04 §10.2).
 *
 * Writes of prepares never overlap, because each slot has its own sectors. Writes of redundant headers do: sixteen slots
 * share a sector. The storage promises no order, so the second write of a sector waits for the first. Each waiting write
 * carries a snapshot taken when it was queued; as the queue keeps its order, the last write on disk is the newest one.
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";

/** A write of one header sector. The lock links waiting writes through it, so that waiting allocates nothing. */
export interface SectorWrite<Write> {
  /** Which sector of the header ring, from 0. Does not change between lock and unlock. */
  readonly sectorIndex: number;
  /** The lock's own: the write that waits behind this one. */
  nextInSector: Write | null;
}

/** At most one running write a sector; the others wait first in, first out. */
export class WriteLock<Write extends SectorWrite<Write>> {
  readonly #running: (Write | null)[];
  readonly #last: (Write | null)[];

  /** @param sectorCount how many sectors the ring has. */
  constructor(sectorCount: number) {
    assert(sectorCount > 0, () => `a ring of ${sectorCount} sectors`);
    this.#running = Array.from({ length: sectorCount }, () => null);
    this.#last = Array.from({ length: sectorCount }, () => null);
  }

  /** Locks the write's sector. True: start now. False: the write waits, and an `unlockSectors` will return it. */
  lockSectors(write: Write): boolean {
    const { sectorIndex } = write;
    assert(write.nextInSector === null, () => `a write of header sector ${sectorIndex} is locked twice`);
    const last = this.#at(this.#last, sectorIndex);
    assert(last !== write, () => `a write of header sector ${sectorIndex} is locked twice`);
    this.#last[sectorIndex] = write;
    if (last === null) {
      assert(this.#at(this.#running, sectorIndex) === null, () => `header sector ${sectorIndex} is locked by nobody`);
      this.#running[sectorIndex] = write;
      return true;
    }
    last.nextInSector = write;
    return false;
  }

  /** Ends the running write of a sector. Returns the write that has waited longest, which holds the lock from now on. */
  unlockSectors(write: Write): Write | null {
    const { sectorIndex, nextInSector } = write;
    assert(
      this.#at(this.#running, sectorIndex) === write,
      () => `header sector ${sectorIndex} is locked by another write`,
    );
    write.nextInSector = null;
    this.#running[sectorIndex] = nextInSector;
    if (nextInSector === null) {
      assert(this.#at(this.#last, sectorIndex) === write, () => `a write of header sector ${sectorIndex} was lost`);
      this.#last[sectorIndex] = null;
    }
    return nextInSector;
  }

  #at(writes: readonly (Write | null)[], sectorIndex: number): Write | null {
    const write = writes[sectorIndex];
    assert(write !== undefined, () => `no header sector ${sectorIndex}`);
    return write;
  }
}
