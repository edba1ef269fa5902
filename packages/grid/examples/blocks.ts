import { createKernels, LinearMemory } from "@stagbeetle/kernels";
import {
  BlockType,
  CheckpointState,
  Checksums,
  CHECKSUM_EMPTY,
  Random,
  SILENT_LOGGER,
  type Storage,
  TEST_MIN,
} from "@stagbeetle/vsr-protocol";
import { BlockWrite, Grid, ValueMetadata } from "@stagbeetle/grid";

const config = TEST_MIN;
const { blockSize } = config.cluster;
const memory = new LinearMemory({ sizeBytes: 1024 * 1024, shared: false });
const checksums = new Checksums(createKernels({ memory }));

// A disk. Storage answers later, never from inside the call.
const zone = new Uint8Array(100 * blockSize);
const completions: (() => void)[] = [];
const storage: Storage = {
  readSectors: (request, name, offset, buffer) => {
    request.begin(name, offset, buffer);
    buffer.set(zone.subarray(offset, offset + buffer.length));
    completions.push(() => request.complete());
  },
  writeSectors: (request, name, offset, buffer) => {
    request.begin(name, offset, buffer);
    zone.set(buffer, offset);
    completions.push(() => request.complete());
  },
  nextTick: (callback) => completions.push(callback),
};
function drain(): void {
  for (let next = completions.shift(); next !== undefined; next = completions.shift()) next();
}

// What the superblock of an empty data file says of its grid.
const checkpoint = new CheckpointState(new Uint8Array(1024));
Object.assign(checkpoint, { storageSize: config.derived.dataFileSizeMin, release: 4361 });
checkpoint.freeSetBlocksAcquiredChecksum = CHECKSUM_EMPTY;
checkpoint.freeSetBlocksReleasedChecksum = CHECKSUM_EMPTY;
const superblock = {
  working: { header: { cluster: 7n }, vsrState: { replicaCount: 1 }, checkpoint },
  replica: 0,
  checkpointIds: { id: 1n },
};

const grid = new Grid({
  config,
  memory,
  storage,
  superblock,
  checksums,
  random: new Random(1),
  logger: SILENT_LOGGER,
  storageSizeLimit: config.derived.dataFileSizeMin + 100 * blockSize,
  cacheSizeBytes: 64 * blockSize,
  blocksOfUsers: 4,
});
grid.open(() => console.log("open"));
drain();
grid.checkpointDurable(() => console.log("nothing is left to free"));
drain();

// A job reserves first, so that jobs which run at the same time get the same addresses everywhere.
const reservation = grid.reserve(1);
const address = grid.acquire(reservation);
grid.forfeit(reservation);

const block = grid.blocks.acquire();
block.init({ cluster: 7n, release: 4361, address, snapshot: 1, blockType: BlockType.value });
Object.assign(block.metadata(ValueMetadata), { valueCountMax: 480, valueCount: 2, valueSize: 8, treeId: 1 });
block.buffer.set([1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0], 256);
block.seal(256 + 2 * 8, checksums);
grid.createBlock(new BlockWrite(() => console.log("durable: block", address)), block);
block.release();
drain();

grid.checkpoint(() =>
  console.log(
    "acquired blocks:",
    grid.freeSetBlocksAcquired.size,
    "bytes in",
    grid.freeSetTrailerAddresses.length,
    "block",
  ),
);
drain();
console.log(grid.freeSet.describe());
