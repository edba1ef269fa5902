/**
 * Where the disks of a cluster may become faulty, so that of everything enough replicas keep a good copy (spec 07 §8.5).
 *
 * Of each chunk (a sector of headers with its prepares, a reply, a block) at most one less than the replication quorum of
 * replicas may lose its copy, and no replica all chunks of a kind. Crashes are outside of this: they may hit any sector that
 * is being written.
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import {
  type Config,
  quorums,
  type Random,
  SECTOR_SIZE_BYTES,
  type Zone,
  zoneSize,
  zoneStart,
} from "@stagbeetle/vsr-protocol";

import { chunkSizeBytes, type FaultAtlas } from "./atlas.ts";

/** What shares its fate, in the order in which it is drawn. */
const CLASSES = ["headers", "replies", "grid"] as const;
type ChunkClass = (typeof CLASSES)[number];

/** The chunks that may become faulty: of each class and replica, a byte a chunk. */
type Faultable = Readonly<Record<ChunkClass, readonly Uint8Array[]>>;

/** What an atlas is drawn for. */
export interface ClusterFaultAtlasOptions {
  readonly config: Config;
  readonly replicaCount: number;
  /** The cluster's generator. */
  readonly random: Random;
  /** How many blocks the grid has at most. */
  readonly blockCount: number;
}

/** The atlas of all disks of a cluster. */
export class ClusterFaultAtlas {
  readonly #config: Config;
  readonly #faultable: Faultable;

  /** Draws it: logs and replies only if there are other replicas, the grid only if there are two others. */
  constructor({ config, replicaCount, random, blockCount }: ClusterFaultAtlasOptions) {
    const { replication } = quorums(replicaCount, config.cluster.quorumReplicationMax);
    const faultyMax = replication - 1;
    assert(replicaCount === 1 ? faultyMax === 0 : faultyMax > 0, () => `${faultyMax} of ${replicaCount} may be faulty`);
    const draw = (chunkCount: number, enabled: boolean): readonly Uint8Array[] =>
      drawChunks(random, { replicaCount, chunkCount, faultyMax: enabled ? faultyMax : 0 });
    this.#config = config;
    this.#faultable = {
      headers: draw(zoneSize(config, "walHeaders") / SECTOR_SIZE_BYTES, replicaCount > 1),
      replies: draw(config.cluster.clientsMax, replicaCount > 1),
      // Of two, one may sync from the other, which has the only copy of a block then.
      grid: draw(blockCount, replicaCount > 2),
    };
  }

  /** The atlas of one disk. Standbys have no faults but those of crashes. */
  of(replica: number): FaultAtlas {
    return {
      faultableSector: (random, zone, offsetInZone, sizeBytes) =>
        this.#faultableSector(replica, random, { zone, offsetInZone, sizeBytes }),
      mistakenOffset: (random, zone, offsetInZone, sizeBytes) =>
        this.#mistakenOffset(replica, random, { zone, offsetInZone, sizeBytes }),
    };
  }

  /** Whether a chunk may become faulty, for tests. */
  faultable(replica: number, chunkClass: ChunkClass, chunk: number): boolean {
    return this.#faultable[chunkClass][replica]?.[chunk] === 1;
  }

  /** A random sector of the first run of faultable chunks within the range. */
  #faultableSector(replica: number, random: Random, range: ZoneRange): number | null {
    const chunks = this.#chunks(replica, range.zone);
    if (chunks === null) return null;
    const chunkSize = chunkSizeBytes(this.#config, range.zone);
    const first = Math.floor(range.offsetInZone / chunkSize);
    const end = Math.ceil((range.offsetInZone + range.sizeBytes) / chunkSize);
    let begin = first;
    while (begin < end && chunks[begin] !== 1) begin += 1;
    if (begin === end) return null;
    let runEnd = begin;
    while (runEnd < end && chunks[runEnd] === 1) runEnd += 1;
    const low = Math.max(range.offsetInZone, begin * chunkSize);
    const high = Math.min(range.offsetInZone + range.sizeBytes, runEnd * chunkSize);
    return low + random.index((high - low) / SECTOR_SIZE_BYTES) * SECTOR_SIZE_BYTES;
  }

  /** The beginning of the next faultable chunk behind a random one of those that the zone has on the disk. */
  #mistakenOffset(replica: number, random: Random, { zone, offsetInZone, sizeBytes }: ZoneRange): number | null {
    const chunks = this.#chunks(replica, zone);
    const chunkSize = chunkSizeBytes(this.#config, zone);
    if (chunks === null || sizeBytes > chunkSize) return null;
    const start = random.index(chunks.length);
    for (let step = 0; step < chunks.length; step += 1) {
      const chunk = (start + step) % chunks.length;
      if (chunks[chunk] !== 1) continue;
      return chunk * chunkSize === offsetInZone ? null : chunk * chunkSize;
    }
    return null;
  }

  #chunks(replica: number, zone: Zone): Uint8Array | null {
    const chunkClass = classOf(zone);
    return chunkClass === null ? null : (this.#faultable[chunkClass][replica] ?? null);
  }
}

interface ZoneRange {
  readonly zone: Zone;
  readonly offsetInZone: number;
  readonly sizeBytes: number;
}

/** Prepares share the fate of the sector that has their headers. */
function classOf(zone: Zone): ChunkClass | null {
  switch (zone) {
    case "walHeaders":
    case "walPrepares":
      return "headers";
    case "clientReplies":
      return "replies";
    case "grid":
      return "grid";
    case "superblock":
    case "gridPadding":
      return null;
  }
}

/** For each chunk, draws replicas until enough of them are found that have another chunk left that stays good. */
function drawChunks(
  random: Random,
  {
    replicaCount,
    chunkCount,
    faultyMax,
  }: { readonly replicaCount: number; readonly chunkCount: number; readonly faultyMax: number },
): readonly Uint8Array[] {
  const chunks = Array.from({ length: replicaCount }, () => new Uint8Array(chunkCount));
  const counts = Array.from({ length: replicaCount }, () => 0);
  for (let chunk = 0; chunk < chunkCount; chunk += 1) {
    for (let chosen = 0; chosen < faultyMax;) {
      const replica = random.intInclusive(8, replicaCount - 1);
      const own = chunks[replica];
      const count = counts[replica] ?? 0;
      if (own === undefined || own[chunk] === 1 || count + 1 >= chunkCount) continue;
      own[chunk] = 1;
      counts[replica] = count + 1;
      chosen += 1;
    }
  }
  return chunks;
}

/** How many blocks a data file of this size has at most. */
export function gridBlockCount(config: Config, storageSizeLimit: number): number {
  return Math.floor((storageSizeLimit - zoneStart(config, "grid")) / config.cluster.blockSize);
}
