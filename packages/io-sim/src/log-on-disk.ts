/**
 * The log as a simulated disk has it: its ring of prepares and its ring of redundant headers (spec 04 §9), slot by slot, as they
 * were written, whatever can be read of them now.
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import {
  type Config,
  HEADER_SIZE_BYTES,
  PrepareHeader,
  recordBytes,
  SECTOR_SIZE_BYTES,
  sectorCeil,
  sectorFloor,
  zoneStart,
} from "@stagbeetle/vsr-protocol";

import type { SimulatedDisk } from "./disk.ts";

/** Reads and changes the log on a disk, beside the replica. */
export class LogOnDisk {
  readonly #config: Config;
  readonly #disk: SimulatedDisk;

  constructor(config: Config, disk: SimulatedDisk) {
    this.#config = config;
    this.#disk = disk;
  }

  /** Where the prepare of a slot begins on the disk, in bytes. */
  prepareOffset(slot: number): number {
    return zoneStart(this.#config, "walPrepares") + slot * this.#config.cluster.messageSizeMax;
  }

  /** Where the sector with the redundant header of a slot begins on the disk, in bytes. */
  headerSectorOffset(slot: number): number {
    return zoneStart(this.#config, "walHeaders") + sectorFloor(slot * HEADER_SIZE_BYTES);
  }

  /** The header of the prepare in a slot, of 256 bytes: a copy. */
  prepareHeader(slot: number): PrepareHeader {
    return new PrepareHeader(this.#sector(this.prepareOffset(slot)));
  }

  /** The redundant header of a slot, of 256 bytes: a copy, within one of its sector. */
  redundantHeader(slot: number): PrepareHeader {
    const sector = this.#sector(this.headerSectorOffset(slot));
    return new PrepareHeader(sector, (slot * HEADER_SIZE_BYTES) % SECTOR_SIZE_BYTES);
  }

  /** Whether prepares of this op and checksum are where they belong. */
  hasPrepare({ op, checksum }: PrepareHeader): boolean {
    return this.prepareHeader(this.#slot(op)).checksum === checksum;
  }

  /** Whether the redundant header of this prepare is where it belongs. */
  hasHeader({ op, checksum }: PrepareHeader): boolean {
    return this.redundantHeader(this.#slot(op)).checksum === checksum;
  }

  /** Whether zeros follow this prepare, which is where it belongs, up to the end of its last sector. */
  padded({ op, size }: PrepareHeader): boolean {
    const end = this.prepareOffset(this.#slot(op)) + size;
    if (sectorFloor(end) === end) return true;
    const last = this.#sector(sectorFloor(end));
    return last.subarray(end - sectorFloor(end)).every((byte) => byte === 0);
  }

  /** Writes a prepare and its redundant header to the slot of its op, as a journal does. */
  write(prepare: Uint8Array): void {
    const header = new PrepareHeader(prepare);
    assert(header.size === prepare.length, () => `a prepare of ${prepare.length} bytes says ${header.size}`);
    const slot = this.#slot(header.op);
    const padded = new Uint8Array(sectorCeil(prepare.length));
    padded.set(prepare);
    this.#disk.write(this.prepareOffset(slot), padded);
    this.#writeHeader(slot, recordBytes(header));
  }

  /** Changes one byte of the redundant header of a slot. The other headers of its sector stay as they are. */
  changeHeader(slot: number): void {
    const changed = recordBytes(this.redundantHeader(slot)).slice();
    changed[0] = ((changed[0] ?? 0) + 1) % 256;
    this.#writeHeader(slot, changed);
  }

  /** Writes redundant headers again that the journal itself has blanked, because it could not read their prepares. */
  restoreHeaders(): void {
    for (let slot = 0; slot < this.#config.cluster.journalSlotCount; slot += 1) {
      const prepare = this.prepareHeader(slot);
      if (this.redundantHeader(slot).checksum !== 0n || prepare.checksum === 0n) continue;
      this.#writeHeader(slot, recordBytes(prepare));
    }
  }

  #writeHeader(slot: number, header: Uint8Array): void {
    const sectorOffset = this.headerSectorOffset(slot);
    const sector = this.#sector(sectorOffset);
    sector.set(header, (slot * HEADER_SIZE_BYTES) % SECTOR_SIZE_BYTES);
    this.#disk.write(sectorOffset, sector);
  }

  #slot(op: number): number {
    return op % this.#config.cluster.journalSlotCount;
  }

  #sector(offset: number): Uint8Array {
    const sector = new Uint8Array(SECTOR_SIZE_BYTES);
    this.#disk.readPristine(offset, sector);
    return sector;
  }
}
