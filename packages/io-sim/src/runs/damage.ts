/**
 * Damage to a disk at rest, and what a replica that is alone must do about it (spec 04 §8, §11, §27).
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import {
  type Config,
  HEADER_SIZE_BYTES,
  type PrepareHeader,
  type Random,
  SECTOR_SIZE_BYTES,
  sectorCeil,
  SUPERBLOCK_HEADER_SIZE_BYTES,
  type Zone,
  zoneSize,
  zoneStart,
} from "@stagbeetle/vsr-protocol";

import { flipBit, type SimulatedDisk } from "../disk.ts";
import { LogOnDisk } from "../log-on-disk.ts";
import type { CoverageMark } from "./coverage.ts";

/** The zones that a data file without a checkpoint has anything in. */
export const DAMAGED_ZONES = ["superblock", "walHeaders", "walPrepares", "clientReplies"] as const;
export type DamagedZone = (typeof DAMAGED_ZONES)[number];

/**
 * How a sector is damaged: one bit is wrong; it reads as zeros, as one that the disk gives up on does; it holds anything; or
 * the place holds what it held before, because a write that was acknowledged never happened.
 */
export const DAMAGE_KINDS = ["bit", "zeros", "garbage", "stale"] as const;
export type DamageKind = (typeof DAMAGE_KINDS)[number];

/** What the replica must do: serve with all that it ever acknowledged, or refuse to start. */
export type Expectation = "serves" | "refuses";

/** The mark of a zone's damage. */
export const ZONE_MARKS: { readonly [zone in DamagedZone]: CoverageMark } = {
  superblock: "superblockCorrupt",
  walHeaders: "headersCorrupt",
  walPrepares: "prepareCorrupt",
  clientReplies: "repliesCorrupt",
};

/** What is damaged at once: a sector, or all that one lost write wrote. */
interface Place {
  readonly zone: DamagedZone;
  readonly offsetInZone: number;
  readonly sizeBytes: number;
}

/** Damages a disk at rest and foresees what must come of it. */
export class Damage {
  readonly #config: Config;
  readonly #disk: SimulatedDisk;
  readonly #log: LogOnDisk;
  readonly #random: Random;
  readonly #opMax: number;
  readonly #superblockCopies: Set<number> = new Set();
  /** Slots whose redundant header is damaged. */
  readonly #headers: Set<number> = new Set();
  /** Slots whose prepare is. */
  readonly #slots: Set<number> = new Set();

  /** @param opMax the head of the log on the disk, which has not wrapped. */
  constructor(config: Config, disk: SimulatedDisk, random: Random, opMax: number) {
    this.#config = config;
    this.#disk = disk;
    this.#log = new LogOnDisk(config, disk);
    this.#random = random;
    this.#opMax = opMax;
  }

  /** What must come of all the damage so far. */
  get expectation(): Expectation {
    // A quorum of two copies is needed of four, three of six.
    const copiesWhole = this.#config.cluster.superblockCopies - this.#superblockCopies.size;
    const superblockLost = copiesWhole < this.#config.cluster.superblockCopies / 2;
    const logLost = this.#slots.size > 0 && !this.#looksTorn;
    return superblockLost || logLost ? "refuses" : "serves";
  }

  /** Damage to nothing but the empty slot after the head is what a torn append looks like, and as harmless. */
  get #looksTorn(): boolean {
    const next = this.#opMax + 1;
    const [slot, ...others] = this.#slots;
    return others.length === 0 && slot === next && !this.#headers.has(next);
  }

  /** Damages one sector of a zone. */
  corrupt(zone: DamagedZone, kind: Exclude<DamageKind, "stale">): void {
    const sectors = zoneSize(this.#config, zone) / SECTOR_SIZE_BYTES;
    this.corruptAt(zone, this.#random.index(sectors) * SECTOR_SIZE_BYTES, kind);
  }

  /** Damages the sector at this offset. */
  corruptAt(zone: DamagedZone, offsetInZone: number, kind: Exclude<DamageKind, "stale">): void {
    const sectorOffset = zoneStart(this.#config, zone) + offsetInZone;
    const before = this.#read(sectorOffset, SECTOR_SIZE_BYTES);
    const after = new Uint8Array(SECTOR_SIZE_BYTES);
    if (kind === "garbage") this.#random.fill(after);
    if (kind === "bit") {
      after.set(before);
      flipBit(after);
    }
    if (zone === "walHeaders") this.#foreseeHeaders(offsetInZone, before, after);
    else if (!equal(before, after)) this.#foresee({ zone, offsetInZone, sizeBytes: SECTOR_SIZE_BYTES });
    if (kind === "bit") this.#disk.corrupt(sectorOffset);
    else this.#disk.write(sectorOffset, after);
  }

  /** Takes one write back that had happened since `earlier`, anywhere in the zone. Returns whether there was one. */
  takeBack(zone: DamagedZone, earlier: SimulatedDisk): boolean {
    const sizeBytes = this.#writeSizeBytes(zone);
    const places: Place[] = [];
    for (let offsetInZone = 0; offsetInZone < zoneSize(this.#config, zone); offsetInZone += this.#strideBytes(zone)) {
      const place = { zone, offsetInZone, sizeBytes };
      if (!equal(this.#readPlace(place, earlier), this.#readPlace(place, this.#disk))) places.push(place);
    }
    if (places.length === 0) return false;
    const place = places[this.#random.index(places.length)];
    assert(place !== undefined, "there is a place to choose");
    const before = this.#readPlace(place, earlier);
    this.#foresee(place);
    this.#disk.write(zoneStart(this.#config, zone) + place.offsetInZone, before);
    return true;
  }

  /** A single wrong bit leaves the other headers of the sector as they are. */
  #foreseeHeaders(offsetInZone: number, before: Uint8Array, after: Uint8Array): void {
    for (let at = 0; at < SECTOR_SIZE_BYTES; at += HEADER_SIZE_BYTES) {
      const end = at + HEADER_SIZE_BYTES;
      if (!equal(before.subarray(at, end), after.subarray(at, end))) {
        this.#headers.add((offsetInZone + at) / HEADER_SIZE_BYTES);
      }
    }
  }

  #foresee({ zone, offsetInZone }: Place): void {
    switch (zone) {
      case "superblock": {
        const { superblockCopySize } = this.#config.derived;
        // The rest of a copy is room for later and is never read.
        if (offsetInZone % superblockCopySize >= SUPERBLOCK_HEADER_SIZE_BYTES) return;
        this.#superblockCopies.add(Math.floor(offsetInZone / superblockCopySize));
        return;
      }
      case "walPrepares":
        if (this.#insidePrepare(offsetInZone)) this.#slots.add(this.#slotAt(offsetInZone));
        return;
      case "walHeaders":
      case "clientReplies":
        // Both are made again from the prepares.
        return;
    }
  }

  /** Whether the place belongs to the prepare that its slot holds; behind it are leftovers, which mean nothing. */
  #insidePrepare(offsetInZone: number): boolean {
    const slot = this.#slotAt(offsetInZone);
    const header = this.#headerOf(slot);
    return offsetInZone < slot * this.#config.cluster.messageSizeMax + sectorCeil(header.size);
  }

  #slotAt(offsetInPrepares: number): number {
    return Math.floor(offsetInPrepares / this.#config.cluster.messageSizeMax);
  }

  /** The redundant header, which says what the slot should hold: the prepare itself may be damaged already. */
  #headerOf(slot: number): PrepareHeader {
    const { messageSizeMax } = this.#config.cluster;
    const prepare = this.#log.prepareHeader(slot);
    const header = this.#log.redundantHeader(slot);
    return prepare.size >= HEADER_SIZE_BYTES && prepare.size <= messageSizeMax ? prepare : header;
  }

  /** How far writes of the zone are apart, in bytes. */
  #strideBytes(zone: DamagedZone): number {
    switch (zone) {
      case "superblock":
        return this.#config.derived.superblockCopySize;
      case "walHeaders":
        return SECTOR_SIZE_BYTES;
      case "walPrepares":
      case "clientReplies":
        return this.#config.cluster.messageSizeMax;
    }
  }

  /** How large they are at most. */
  #writeSizeBytes(zone: DamagedZone): number {
    return zone === "superblock" ? SUPERBLOCK_HEADER_SIZE_BYTES : this.#strideBytes(zone);
  }

  #readPlace({ zone, offsetInZone, sizeBytes }: Place, disk: SimulatedDisk): Uint8Array {
    const bytes = new Uint8Array(sizeBytes);
    disk.readPristine(zoneStart(this.#config, zone) + offsetInZone, bytes);
    return bytes;
  }

  #read(offset: number, sizeBytes: number): Uint8Array {
    const bytes = new Uint8Array(sizeBytes);
    this.#disk.readPristine(offset, bytes);
    return bytes;
  }
}

/** The bytes of a zone as they were written. */
export function readZone(config: Config, disk: SimulatedDisk, zone: Zone): Uint8Array {
  const bytes = new Uint8Array(zoneSize(config, zone));
  disk.readPristine(zoneStart(config, zone), bytes);
  return bytes;
}

/** Whether two sequences of the same length are the same. */
export function equal(a: Uint8Array, b: Uint8Array): boolean {
  assert(a.length === b.length, () => `${a.length} and ${b.length} bytes`);
  return a.every((byte, index) => byte === b[index]);
}
