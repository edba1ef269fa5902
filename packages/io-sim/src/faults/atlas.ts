/**
 * Where faults may strike, so that they never take the last copy of what somebody needs (spec 07 §8.5).
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import { type Config, type Random, SECTOR_SIZE_BYTES, type Zone, zoneSize } from "@stagbeetle/vsr-protocol";

/** How many headers share a sector, so how many prepares share their fate. */
const SLOTS_PER_CHUNK = 16;

/** Decides, once per run, which parts of one disk may ever become faulty. Offsets and sizes in bytes within the zone. */
export interface FaultAtlas {
  /** A uniformly chosen sector within the range that may become faulty, or null if there is none. */
  faultableSector(random: Random, zone: Zone, offsetInZone: number, sizeBytes: number): number | null;
  /** Another place in the zone where a write may land by mistake, or null if there is none. */
  mistakenOffset(random: Random, zone: Zone, offsetInZone: number, sizeBytes: number): number | null;
}

/** The unit in which a zone's places are told apart, in bytes: a header sector, its 16 prepares, a reply, a block. */
export function chunkSizeBytes(config: Config, zone: Zone): number {
  switch (zone) {
    case "superblock":
      return config.derived.superblockCopySize;
    case "walHeaders":
      return SECTOR_SIZE_BYTES;
    case "walPrepares":
      return SLOTS_PER_CHUNK * config.cluster.messageSizeMax;
    case "clientReplies":
      return config.cluster.messageSizeMax;
    case "gridPadding":
    case "grid":
      return config.cluster.blockSize;
  }
}

/** Nothing may become faulty but by a crash. */
export const NO_FAULTS_ATLAS: FaultAtlas = { faultableSector: () => null, mistakenOffset: () => null };

/** Everything in some zones may become faulty: for tests of detection, where nothing has to survive. */
export class ZonesFaultAtlas implements FaultAtlas {
  readonly #config: Config;
  readonly #zones: ReadonlySet<Zone>;

  /** @param zones which zones; the grid cannot be a target of misdirected writes, because it has no end. */
  constructor(config: Config, zones: readonly Zone[]) {
    this.#config = config;
    this.#zones = new Set(zones);
  }

  faultableSector(random: Random, zone: Zone, offsetInZone: number, sizeBytes: number): number | null {
    assert(
      offsetInZone % SECTOR_SIZE_BYTES === 0 && sizeBytes >= SECTOR_SIZE_BYTES,
      () => `${sizeBytes} bytes at ${offsetInZone}`,
    );
    if (!this.#zones.has(zone)) return null;
    return offsetInZone + random.index(sizeBytes / SECTOR_SIZE_BYTES) * SECTOR_SIZE_BYTES;
  }

  mistakenOffset(random: Random, zone: Zone, offsetInZone: number, sizeBytes: number): number | null {
    const size = zoneSize(this.#config, zone);
    const chunk = chunkSizeBytes(this.#config, zone);
    if (!this.#zones.has(zone) || !Number.isFinite(size) || sizeBytes > chunk) return null;
    const mistaken = random.index(Math.floor(size / chunk)) * chunk;
    return mistaken === offsetInZone ? null : mistaken;
  }
}
