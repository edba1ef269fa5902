/**
 * What a simulated machine's disk holds: the bytes as they were written, and what has gone wrong with them since.
 *
 * It survives crashes and restarts of the replica. Memory is taken only for what was written and is not zero, so that a
 * data file of more than a gibibyte fits in a test.
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import { Random, SECTOR_SIZE_BYTES } from "@stagbeetle/vsr-protocol";

const PAGE_SIZE_BYTES = 1 << 20;
const SECTORS_PER_PAGE = PAGE_SIZE_BYTES / SECTOR_SIZE_BYTES;

/** What a corrupt sector shows: one bit is another one, which may be of no importance, or nothing is as it was. */
export type Corruption = "bit" | "sector";

interface Page {
  /** Null while everything written is zero. */
  bytes: Uint8Array | null;
  /** A byte for each sector: 1 if it was ever written. */
  readonly written: Uint8Array;
}

function isZero(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 0);
}

function assertSectors(offset: number, sizeBytes: number): void {
  assert(
    Number.isSafeInteger(offset) && offset >= 0 && offset % SECTOR_SIZE_BYTES === 0,
    () => `offset ${offset} on the disk`,
  );
  assert(sizeBytes > 0 && sizeBytes % SECTOR_SIZE_BYTES === 0, () => `${sizeBytes} bytes are not whole sectors`);
}

/** A disk of unlimited size. Offsets in bytes from the start of the data file. */
export class SimulatedDisk {
  readonly #pages = new Map<number, Page>();
  readonly #corrupt = new Map<number, Corruption>();
  /** What reads that begin exactly there see instead of what was written: the two sides of a misdirected write. */
  readonly #overlays = new Map<number, Uint8Array>();

  /** Copies the bytes as they were written, without faults; zeros where nothing was. */
  readPristine(offset: number, target: Uint8Array): void {
    assertSectors(offset, target.length);
    for (let at = 0; at < target.length;) {
      const { page, offsetInPage, sizeBytes } = this.#span(offset + at, target.length - at);
      const part = target.subarray(at, at + sizeBytes);
      const bytes = page?.bytes ?? null;
      if (bytes === null) part.fill(0);
      else part.set(bytes.subarray(offsetInPage, offsetInPage + sizeBytes));
      at += sizeBytes;
    }
  }

  /** Replaces whole sectors and cures them of their corruption. */
  write(offset: number, source: Uint8Array): void {
    assertSectors(offset, source.length);
    for (let at = 0; at < source.length;) {
      const { index, offsetInPage, sizeBytes } = this.#span(offset + at, source.length - at);
      this.#writePage(this.#page(index), offsetInPage, source.subarray(at, at + sizeBytes));
      at += sizeBytes;
    }
    for (let at = 0; at < source.length; at += SECTOR_SIZE_BYTES) this.#corrupt.delete(offset + at);
  }

  /** Whether the sector was ever written. */
  isWritten(sectorOffset: number): boolean {
    assertSectors(sectorOffset, SECTOR_SIZE_BYTES);
    const page = this.#pages.get(Math.floor(sectorOffset / PAGE_SIZE_BYTES));
    return page?.written[(sectorOffset % PAGE_SIZE_BYTES) / SECTOR_SIZE_BYTES] === 1;
  }

  /** Where the last sector that was ever written ends, in bytes; 0 if none was. */
  get writtenEnd(): number {
    let end = 0;
    for (const [index, { written }] of this.#pages) {
      const last = written.lastIndexOf(1);
      if (last !== -1) end = Math.max(end, index * PAGE_SIZE_BYTES + (last + 1) * SECTOR_SIZE_BYTES);
    }
    return end;
  }

  /** Makes the sector unreadable as it was written, until it is written again. */
  corrupt(sectorOffset: number, corruption: Corruption = "bit"): void {
    assertSectors(sectorOffset, SECTOR_SIZE_BYTES);
    this.#corrupt.set(sectorOffset, corruption);
  }

  /** Changes what was read of a sector as its corruption does. */
  damage(sectorOffset: number, sector: Uint8Array): void {
    switch (this.#corrupt.get(sectorOffset)) {
      case "bit":
        return flipBit(sector);
      case "sector":
        for (const [at, byte] of sector.entries()) sector[at] = byte ^ 0xff;
        return;
      case undefined:
    }
  }

  /** Makes the sector readable again, as it was written. */
  cure(sectorOffset: number): void {
    assertSectors(sectorOffset, SECTOR_SIZE_BYTES);
    this.#corrupt.delete(sectorOffset);
  }

  /** Makes all sectors of a range readable again, as they were written. */
  cureRange(offset: number, sizeBytes: number): void {
    for (const sector of this.#corrupt.keys()) {
      if (sector >= offset && sector < offset + sizeBytes) this.#corrupt.delete(sector);
    }
    for (const begin of this.#overlays.keys()) {
      if (begin >= offset && begin < offset + sizeBytes) this.#overlays.delete(begin);
    }
  }

  isCorrupt(sectorOffset: number): boolean {
    return this.#corrupt.has(sectorOffset);
  }

  /** How many sectors are corrupt now. */
  get corruptCount(): number {
    return this.#corrupt.size;
  }

  /**
   * Lets a write of `bytes` at `intendedOffset` appear at `mistakenOffset` instead: reads that begin at the one see the old
   * bytes, reads that begin at the other the new ones, until each is written again. The pristine bytes stay right.
   */
  misdirect(intendedOffset: number, mistakenOffset: number, bytes: Uint8Array): void {
    assert(!this.misdirected, "one misdirected write at a time");
    const old = new Uint8Array(bytes.length);
    this.readPristine(intendedOffset, old);
    this.#overlays.set(intendedOffset, old);
    this.#overlays.set(mistakenOffset, bytes.slice());
  }

  /** Whether some side of a misdirected write is still there. */
  get misdirected(): boolean {
    return this.#overlays.size > 0;
  }

  /** What a read that begins here sees because of a misdirected write, or null. */
  overlayAt(offset: number): Uint8Array | null {
    return this.#overlays.get(offset) ?? null;
  }

  /** Ends the effect of a misdirected write on the place that begins here. */
  clearMisdirected(offset: number): void {
    this.#overlays.delete(offset);
  }

  /** A copy of all bytes and faults, to see what would be there if the machine stopped now. */
  clone(): SimulatedDisk {
    const copy = new SimulatedDisk();
    for (const [index, { bytes, written }] of this.#pages) {
      copy.#pages.set(index, { bytes: bytes?.slice() ?? null, written: written.slice() });
    }
    for (const [sector, corruption] of this.#corrupt) copy.#corrupt.set(sector, corruption);
    for (const [offset, bytes] of this.#overlays) copy.#overlays.set(offset, bytes);
    return copy;
  }

  #page(index: number): Page {
    let page = this.#pages.get(index);
    if (page === undefined) {
      page = { bytes: null, written: new Uint8Array(SECTORS_PER_PAGE) };
      this.#pages.set(index, page);
    }
    return page;
  }

  #span(
    offset: number,
    remaining: number,
  ): { index: number; page: Page | undefined; offsetInPage: number; sizeBytes: number } {
    const index = Math.floor(offset / PAGE_SIZE_BYTES);
    const offsetInPage = offset % PAGE_SIZE_BYTES;
    return {
      index,
      page: this.#pages.get(index),
      offsetInPage,
      sizeBytes: Math.min(remaining, PAGE_SIZE_BYTES - offsetInPage),
    };
  }

  #writePage(page: Page, offsetInPage: number, source: Uint8Array): void {
    const sector = offsetInPage / SECTOR_SIZE_BYTES;
    page.written.fill(1, sector, sector + source.length / SECTOR_SIZE_BYTES);
    if (page.bytes === null) {
      if (isZero(source)) return;
      page.bytes = new Uint8Array(PAGE_SIZE_BYTES);
    }
    page.bytes.set(source, offsetInPage);
  }
}

/**
 * Flips one bit of a sector, at a place that follows from its content, so that reading again shows the same damage
 * (spec 07 §8.2).
 */
export function flipBit(sector: Uint8Array): void {
  assert(sector.length === SECTOR_SIZE_BYTES, () => `${sector.length} bytes are not a sector`);
  const seed = new DataView(sector.buffer, sector.byteOffset, SECTOR_SIZE_BYTES).getBigUint64(0, true);
  const random = new Random(seed);
  const at = random.index(SECTOR_SIZE_BYTES);
  // The low three bits of a draw, as a draw in a width of three bits is.
  sector[at] = (sector[at] ?? 0) ^ (1 << (random.u32() & 7));
}
