/**
 * Recorded data files on a simulated disk, opened as a replica opens them: the superblock, then the grid.
 *
 * @module
 */
import { createKernels, LinearMemory } from "@stagbeetle/kernels";
import { Grid } from "@stagbeetle/grid";
import { NO_STORAGE_FAULTS, SimulatedDisk, SimulatedStorage } from "@stagbeetle/io-sim";
import {
  Checksums,
  PRODUCTION,
  Random,
  SECTOR_SIZE_BYTES,
  SILENT_LOGGER,
  SuperBlock,
  zoneStart,
} from "@stagbeetle/vsr-protocol";

const MIB = 1024 * 1024;
const GIB = 1024 * MIB;

/** Larger than any recorded file, and small enough for the free set to take little memory. */
const STORAGE_SIZE_LIMIT = 64 * GIB;
const CACHE_SIZE_BYTES = 64 * PRODUCTION.cluster.blockSize;
const MEMORY_SIZE_BYTES = 256 * MIB;

/** A data file, read piece by piece. The write-ahead log, which is most of a small file, is left out. */
export async function loadDataFile(recorded: AsyncIterable<Uint8Array>): Promise<SimulatedDisk> {
  const disk = new SimulatedDisk();
  const logStart = zoneStart(PRODUCTION, "walHeaders");
  const logEnd = zoneStart(PRODUCTION, "clientReplies");
  let pending: Uint8Array = new Uint8Array(0);
  let offset = 0;
  for await (const piece of recorded) {
    pending = pending.length === 0 ? piece : Buffer.concat([pending, piece]);
    const whole = pending.length - (pending.length % SECTOR_SIZE_BYTES);
    for (let at = 0; at < whole; at += SECTOR_SIZE_BYTES) {
      const position = offset + at;
      if (position >= logStart && position < logEnd) continue;
      disk.write(position, pending.subarray(at, at + SECTOR_SIZE_BYTES));
    }
    offset += whole;
    pending = pending.subarray(whole);
  }
  if (pending.length > 0) throw new Error(`the file ends with ${pending.length} bytes that are no sector`);
  return disk;
}

/** A data file that was opened. */
export interface OpenedDataFile {
  readonly superblock: SuperBlock;
  readonly grid: Grid;
  readonly memory: LinearMemory;
  readonly checksums: Checksums;
  /** Runs until nothing is under way. */
  run(): void;
}

/** Opens the superblock and the grid that are on the disk. */
export function openDataFile(disk: SimulatedDisk): OpenedDataFile {
  const storage = new SimulatedStorage({ config: PRODUCTION, disk, random: new Random(1), faults: NO_STORAGE_FAULTS });
  const memory = new LinearMemory({ sizeBytes: MEMORY_SIZE_BYTES });
  const checksums = new Checksums(createKernels({ memory }));
  const run = (): void => {
    while (storage.step());
  };
  const superblock = new SuperBlock({
    config: PRODUCTION,
    storage,
    memory,
    storageSizeLimit: STORAGE_SIZE_LIMIT,
    logger: SILENT_LOGGER,
  });
  superblock.open(() => undefined);
  run();
  const grid = new Grid({
    config: PRODUCTION,
    memory,
    storage,
    superblock,
    checksums,
    random: new Random(2),
    logger: SILENT_LOGGER,
    storageSizeLimit: STORAGE_SIZE_LIMIT,
    cacheSizeBytes: CACHE_SIZE_BYTES,
    blocksOfUsers: 4,
  });
  grid.open(() => undefined);
  run();
  if (grid.state !== "open") throw new Error(`the grid is ${grid.describe()}`);
  return { superblock, grid, memory, checksums, run };
}
