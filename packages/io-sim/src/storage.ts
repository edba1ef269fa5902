/**
 * The storage port on a simulated disk, with delays and faults (spec 07 §8).
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import {
  type Config,
  type Random,
  SECTOR_SIZE_BYTES,
  type Storage,
  type StorageRequest,
  verifyIop,
  type Zone,
  zoneStart,
} from "@stagbeetle/vsr-protocol";

import type { SimulatedDisk } from "./disk.ts";
import { exponential } from "./exponential.ts";
import { type FaultAtlas, NO_FAULTS_ATLAS } from "./faults/atlas.ts";
import { chance, type Latency, NO_STORAGE_FAULTS, type StorageFaults } from "./faults/storage-faults.ts";
import { LogOnDisk } from "./log-on-disk.ts";

const TICK_MICROSECONDS = 10_000;

/** Zones that are read only where they were written: formatting initialises all that is read of them. */
const INITIALISED_ZONES: ReadonlySet<Zone> = new Set<Zone>(["superblock", "walHeaders"]);

/** Zones that a new file holds as zeros, and formatting relies on it. Elsewhere old bytes of the disk may show. */
const ZEROED_ZONES: ReadonlySet<Zone> = new Set<Zone>(["walPrepares"]);

interface Pending {
  readonly kind: "read" | "write";
  readonly request: StorageRequest;
  readonly readyMicroseconds: number;
  readonly sequence: number;
}

/** What faults a read may see (spec 07 §8.4). */
type Eligibility = "none" | "corrupt" | "corruptOrMisdirected";

/** How often something happened, to show that a run met what it was meant to meet. */
export interface StorageFaultCounts {
  readFaults: number;
  writeFaults: number;
  misdirects: number;
  writesLost: number;
  writesTorn: number;
  crashFaults: number;
}

/** What became of a write that a crash interrupted. A torn one has both old and new sectors. */
export type CrashOutcome = "lost" | "torn" | "complete";

/** Something that went wrong with the disk, and where. Offsets and sizes in bytes within the zone. */
export type StorageIncident =
  | {
      readonly kind: "interrupted";
      readonly zone: Zone;
      readonly offsetInZone: number;
      readonly sizeBytes: number;
      readonly outcome: CrashOutcome;
      /** Whether a sector under the write is corrupt now. */
      readonly corrupted: boolean;
    }
  | { readonly kind: "corrupted"; readonly zone: Zone; readonly offsetInZone: number }
  | {
      readonly kind: "misdirected";
      readonly zone: Zone;
      readonly offsetInZone: number;
      readonly mistakenOffset: number;
      readonly sizeBytes: number;
    };

/** What a simulated storage is made of. */
export interface SimulatedStorageOptions {
  readonly config: Config;
  readonly disk: SimulatedDisk;
  /** Its own generator, so that its draws disturb nobody else's. */
  readonly random: Random;
  readonly faults?: StorageFaults;
  readonly atlas?: FaultAtlas;
  /** Hears of everything that goes wrong. */
  readonly onIncident?: (incident: StorageIncident) => void;
  /**
   * What sectors hold that were never written. `zeros` is what a new file promises. `arbitrary`, the default, is harder, as
   * a reused block device is: anything in replies and grid, and reading the superblock or the headers of the log there is a
   * bug of the reader.
   */
  readonly unwritten?: "zeros" | "arbitrary";
}

/**
 * The data file of one simulated machine while it is up. After {@link SimulatedStorage.crash} the disk remains and a new
 * storage is made on it.
 *
 * Nothing happens by itself: `tick` lets 10 ms pass, `step` completes at most one request that is due.
 */
export class SimulatedStorage implements Storage {
  /** Everything went wrong this often so far. */
  readonly counts: StorageFaultCounts = {
    readFaults: 0,
    writeFaults: 0,
    misdirects: 0,
    writesLost: 0,
    writesTorn: 0,
    crashFaults: 0,
  };
  readonly #config: Config;
  readonly #disk: SimulatedDisk;
  readonly #log: LogOnDisk;
  readonly #random: Random;
  #faults: StorageFaults;
  readonly #atlas: FaultAtlas;
  readonly #onIncident: (incident: StorageIncident) => void;
  readonly #unwrittenZeros: boolean;
  #pending: Pending[] = [];
  readonly #held: Set<Zone> = new Set();
  #deferred: (() => void)[] = [];
  #ticks = 0;
  #sequence = 0;
  #crashed = false;

  constructor(options: SimulatedStorageOptions) {
    const {
      config,
      disk,
      random,
      faults = NO_STORAGE_FAULTS,
      atlas = NO_FAULTS_ATLAS,
      unwritten = "arbitrary",
      onIncident = () => undefined,
    } = options;
    this.#config = config;
    this.#unwrittenZeros = unwritten === "zeros";
    this.#disk = disk;
    this.#log = new LogOnDisk(config, disk);
    this.#random = random;
    this.#faults = faults;
    this.#atlas = atlas;
    this.#onIncident = onIncident;
  }

  /** Whether reads show what was written, whatever has gone wrong with it. */
  masked = false;

  /** Changes what may go wrong from now on. What has gone wrong stays. */
  set faults(faults: StorageFaults) {
    this.#faults = faults;
  }

  /** How many requests are under way. */
  get pendingCount(): number {
    return this.#pending.length;
  }

  /** Whether a write to this zone is under way. */
  writing(zone: Zone): boolean {
    return this.#pending.some(({ kind, request }) => kind === "write" && request.zone === zone);
  }

  /** Lets writes to this zone never complete: a disk that hangs. */
  hold(zone: Zone): void {
    this.#held.add(zone);
  }

  readSectors(request: StorageRequest, zone: Zone, offsetInZone: number, buffer: Uint8Array): void {
    verifyIop(this.#config, zone, offsetInZone, buffer);
    if (!this.#unwrittenZeros && INITIALISED_ZONES.has(zone)) this.#assertWritten(zone, offsetInZone, buffer.length);
    request.begin(zone, offsetInZone, buffer);
    this.#add("read", request, this.#faults.readLatency);
  }

  writeSectors(request: StorageRequest, zone: Zone, offsetInZone: number, buffer: Uint8Array): void {
    verifyIop(this.#config, zone, offsetInZone, buffer);
    const end = offsetInZone + buffer.length;
    const overlapping = this.#pending.some(
      ({ kind, request: other }) =>
        kind === "write" &&
        other.zone === zone &&
        other.offsetInZone < end &&
        offsetInZone < other.offsetInZone + other.buffer.length,
    );
    assert(
      !overlapping,
      () => `a write of ${buffer.length} bytes at ${offsetInZone} in ${zone} overlaps one under way`,
    );
    request.begin(zone, offsetInZone, buffer);
    this.#add("write", request, this.#faults.writeLatency);
  }

  nextTick(callback: () => void): void {
    assert(!this.#crashed, "the machine has crashed");
    this.#deferred.push(callback);
  }

  /** Lets 10 ms pass. Completes nothing. */
  tick(): void {
    this.#ticks += 1;
  }

  /**
   * Completes the request that is due first, if any, then runs all deferred callbacks.
   *
   * @returns whether anything happened.
   */
  step(): boolean {
    assert(!this.#crashed, "the machine has crashed");
    const due = this.#takeDue();
    if (due !== null) {
      if (due.kind === "read") this.#finishRead(due.request);
      else this.#finishWrite(due.request);
    }
    const progressed = due !== null || this.#deferred.length > 0;
    for (
      let callback = this.#deferred.shift();
      callback !== undefined && !this.#crashed;
      callback = this.#deferred.shift()
    )
      callback();
    return progressed;
  }

  /**
   * Stops the machine: writes under way are lost, torn or complete as the faults say, and no callback runs any more. The
   * disk lives on.
   */
  crash(): void {
    assert(!this.#crashed, "the machine has crashed already");
    this.#crashed = true;
    for (const { kind, request } of this.#pending.toSorted(byReadiness)) if (kind === "write") this.#interrupt(request);
    this.#pending = [];
    this.#deferred = [];
  }

  #assertWritten(zone: Zone, offsetInZone: number, sizeBytes: number): void {
    const start = zoneStart(this.#config, zone) + offsetInZone;
    for (let at = start; at < start + sizeBytes; at += SECTOR_SIZE_BYTES) {
      assert(
        this.#disk.isWritten(at),
        () => `the sector at ${at - zoneStart(this.#config, zone)} in ${zone} is read but was never written`,
      );
    }
  }

  #readsZeros(zone: Zone): boolean {
    return this.#unwrittenZeros || ZEROED_ZONES.has(zone);
  }

  #add(kind: Pending["kind"], request: StorageRequest, latency: Latency): void {
    assert(!this.#crashed, "the machine has crashed");
    const delay = Math.max(latency.minimumMicroseconds, exponential(this.#random, latency.meanMicroseconds));
    this.#sequence += 1;
    this.#pending.push({
      kind,
      request,
      readyMicroseconds: this.#ticks * TICK_MICROSECONDS + delay,
      sequence: this.#sequence,
    });
  }

  #takeDue(): Pending | null {
    let first: Pending | null = null;
    for (const pending of this.#pending) {
      if (pending.kind === "write" && this.#held.has(pending.request.zone)) continue;
      if (first === null || byReadiness(pending, first) < 0) first = pending;
    }
    if (first === null || first.readyMicroseconds > this.#ticks * TICK_MICROSECONDS) return null;
    this.#pending.splice(this.#pending.indexOf(first), 1);
    return first;
  }

  #finishRead(request: StorageRequest): void {
    const { zone, offsetInZone, buffer } = request;
    const start = zoneStart(this.#config, zone) + offsetInZone;
    this.#disk.readPristine(start, buffer);
    if (
      !this.masked &&
      chance(this.#random, this.#faults.readFault) &&
      this.#corruptWithin(zone, offsetInZone, buffer.length)
    )
      this.counts.readFaults += 1;
    const eligibility = this.#eligibility(zone, offsetInZone);
    for (let at = 0; at < buffer.length; at += SECTOR_SIZE_BYTES) {
      const sector = buffer.subarray(at, at + SECTOR_SIZE_BYTES);
      if (eligibility !== "none") this.#disk.damage(start + at, sector);
      if (!this.#disk.isWritten(start + at) && !this.#readsZeros(zone)) this.#random.fill(sector);
    }
    const overlay = eligibility === "corruptOrMisdirected" ? this.#disk.overlayAt(start) : null;
    if (overlay !== null) buffer.set(overlay.subarray(0, buffer.length));
    request.complete();
  }

  #finishWrite(request: StorageRequest): void {
    const { zone, offsetInZone, buffer } = request;
    const start = zoneStart(this.#config, zone) + offsetInZone;
    this.#disk.clearMisdirected(start);
    if (!this.#disk.misdirected && chance(this.#random, this.#faults.writeMisdirect))
      this.#misdirect(zone, offsetInZone, buffer);
    this.#disk.write(start, buffer);
    if (chance(this.#random, this.#faults.writeFault) && this.#corruptWithin(zone, offsetInZone, buffer.length))
      this.counts.writeFaults += 1;
    request.complete();
  }

  #corruptWithin(zone: Zone, offsetInZone: number, sizeBytes: number): boolean {
    const sector = this.#atlas.faultableSector(this.#random, zone, offsetInZone, sizeBytes);
    if (sector === null) return false;
    this.#disk.corrupt(zoneStart(this.#config, zone) + sector);
    this.#onIncident({ kind: "corrupted", zone, offsetInZone: sector });
    return true;
  }

  /** Only one misdirected write at a time: two of them are more than the fault model promises to survive (spec 07 §8.3). */
  #misdirect(zone: Zone, offsetInZone: number, buffer: Uint8Array): void {
    if (this.#atlas.faultableSector(this.#random, zone, offsetInZone, buffer.length) === null) return;
    const mistaken = this.#atlas.mistakenOffset(this.#random, zone, offsetInZone, buffer.length);
    if (mistaken === null) return;
    const zoneBegin = zoneStart(this.#config, zone);
    this.#disk.misdirect(zoneBegin + offsetInZone, zoneBegin + mistaken, buffer);
    this.counts.misdirects += 1;
    this.#onIncident({
      kind: "misdirected",
      zone,
      offsetInZone,
      mistakenOffset: mistaken,
      sizeBytes: buffer.length,
    });
  }

  /** A prepare and its redundant header must not both be hit, or recovery takes the pair for a torn write (spec 07 §8.4). */
  #eligibility(zone: Zone, offsetInZone: number): Eligibility {
    if (this.masked) return "none";
    if (zone !== "walPrepares") return "corruptOrMisdirected";
    const { messageSizeMax } = this.#config.cluster;
    const slot = Math.floor(offsetInZone / messageSizeMax);
    const headerSectorStart = this.#log.headerSectorOffset(slot);
    if (this.#disk.overlayAt(headerSectorStart) !== null) return "none";
    if (this.#disk.isCorrupt(headerSectorStart)) return "corrupt";
    const agree = this.#log.prepareHeader(slot).checksum === this.#log.redundantHeader(slot).checksum;
    return agree ? "corruptOrMisdirected" : "corrupt";
  }

  #interrupt(request: StorageRequest): void {
    const { zone, offsetInZone, buffer } = request;
    const start = zoneStart(this.#config, zone) + offsetInZone;
    const outcome = this.#crashOutcome(start, buffer);
    const corrupted = chance(this.#random, this.#faults.crashFault);
    if (corrupted) {
      this.#disk.corrupt(start + this.#random.index(buffer.length / SECTOR_SIZE_BYTES) * SECTOR_SIZE_BYTES);
      this.counts.crashFaults += 1;
    }
    this.#onIncident({ kind: "interrupted", zone, offsetInZone, sizeBytes: buffer.length, outcome, corrupted });
  }

  #crashOutcome(start: number, buffer: Uint8Array): CrashOutcome {
    const { lost, torn, complete } = this.#faults.crashOutcomes;
    switch (this.#random.weighted([lost, torn, complete])) {
      case 0:
        this.counts.writesLost += 1;
        return "lost";
      case 1:
        this.counts.writesTorn += 1;
        return this.#tear(start, buffer);
      default:
        this.#disk.write(start, buffer);
        return "complete";
    }
  }

  /** Lets each sector be old or new by itself. It may come out whole. */
  #tear(start: number, buffer: Uint8Array): CrashOutcome {
    let written = 0;
    for (let at = 0; at < buffer.length; at += SECTOR_SIZE_BYTES) {
      if (!this.#random.boolean()) continue;
      this.#disk.write(start + at, buffer.subarray(at, at + SECTOR_SIZE_BYTES));
      written += SECTOR_SIZE_BYTES;
    }
    if (written === 0) return "lost";
    return written === buffer.length ? "complete" : "torn";
  }
}

function byReadiness(a: Pending, b: Pending): number {
  return a.readyMicroseconds - b.readyMicroseconds || a.sequence - b.sequence;
}
