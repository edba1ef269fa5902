import { forestBlocksMax, Groove, type GrooveDeclaration, scanBlocksMax, Scans, treesOf } from "@stagbeetle/lsm";
import { ForestOnGrid, TestGrid, type TestGridParts } from "@stagbeetle/lsm/testing";
import { TEST_MIN as config } from "@stagbeetle/vsr-protocol";

// A groove: objects of 32 bytes (timestamp u64, sensor u64, millikelvin u64) and an index. Each tree has an id of its own.
const READINGS: GrooveDeclaration = {
  name: "readings",
  treeId: 1,
  sizeBytes: 32,
  timestampOffset: 0,
  primaryKey: "timestamp",
  orphans: false,
  objectCache: false, // only inserted and scanned, never looked up
  valuesPerBatch: 20,
  indexes: [
    {
      name: "sensor",
      treeId: 2,
      kind: "u64",
      source: { from: "field", offset: 8, sizeBytes: 8, zero: "indexed" },
      valuesPerBatch: 20,
    },
  ],
};

class Readings extends ForestOnGrid {
  readonly groove: Groove;
  readonly scans: Scans;
  readonly results: number;

  constructor(parts: TestGridParts) {
    super(parts, treesOf([READINGS]));
    const limits = { keysPerOp: 1, objectsPerOp: 20, cacheObjects: 0 };
    this.groove = new Groove({ ...parts, forest: this.forest, declaration: READINGS, limits });
    this.scans = new Scans({ ...parts, forest: this.forest });
    this.results = parts.kernels.memory.allocate(3 * READINGS.sizeBytes, 16, "results");
  }

  insert(timestamp: bigint, sensor: bigint, millikelvin: bigint): void {
    this.parts.kernels.memory.u64.set([timestamp, sensor, millikelvin, 0n], this.groove.slot() / 8);
    this.groove.insert();
  }
}

// A forest needs a grid, and a replica to drive both; here they are in memory, and a loop is the replica.
const grid = new TestGrid({
  config,
  memorySizeBytes: 64 << 20,
  blocksOfUsers: forestBlocksMax(config, 2) + scanBlocksMax(config),
  cacheBlocks: 64,
  create: (parts) => new Readings(parts),
});

// Every op writes, then compacts a little. At some ops a checkpoint follows.
const { forest, groove, scans, results, parts } = grid.users;
const OPS = 200;
for (let op = 1; op <= OPS; op += 1) {
  for (let sensor = 1; sensor <= 20; sensor += 1) {
    grid.users.insert(BigInt(100 * op + sensor), BigInt(sensor), BigInt(293_000 + ((op * sensor) % 100)));
  }
  grid.beforeCompact(op);
  grid.wait((done) => forest.compact(op, grid.checkpointOp, done));
  if (grid.afterCompact(op)) console.log(`op ${op} writes the checkpoint of op ${grid.checkpointOp}`);
}

// The newest three readings of sensor 7, as the next op sees them: some in memory, most on disk.
const sensor = Uint32Array.of(7, 0);
const newest = { countMax: 3, groove, destination: results };
scans.begin(OPS + 1);
const scan = scans.prefix(groove, groove.indexOf("sensor"), sensor, 0, { min: 1n, max: 1n << 62n }, "descending");
grid.wait((done) =>
  scans.read(scan, newest, (count) => {
    const { u64 } = parts.kernels.memory;
    for (let at = results / 8; at < results / 8 + 4 * count; at += 4) console.log(`${u64[at]}: ${u64[at + 2]} mK`);
    done();
  }),
);
scans.release();
