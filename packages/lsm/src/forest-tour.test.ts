import { type BlockReference, Random, TEST_MIN } from "@stagbeetle/vsr-protocol";
import { describe, expect, test } from "vitest";
import { ForestOnGrid } from "../test/forest-on-grid.ts";
import { TestForest } from "../test/test-forest.ts";
import { TestGrid } from "../test/test-grid.ts";
import { accountingTrees } from "../test/transfers.ts";
import { runVector, vectorA } from "../test/vectors.ts";
import { forestBlocksMax } from "./forest.ts";
import { ForestTables, ForestTour } from "./forest-tour.ts";

const subject = new TestForest({ config: TEST_MIN });
runVector(vectorA, subject, 183);
const { forest, kernels } = subject;

function tableAddresses(): number[] {
  return forest.trees.flatMap((tree) =>
    tree.levels.flatMap((level) => [...level].map((table) => forest.infos.address(table))),
  );
}

function collect(next: () => BlockReference | null): number[] {
  const addresses: number[] = [];
  for (let block = next(); block !== null; block = next()) addresses.push(block.address);
  return addresses;
}

const ascending = (addresses: readonly number[]): number[] => addresses.toSorted((a, b) => a - b);

describe("a forest of several levels", () => {
  test("is toured once around from wherever the tour begins", () => {
    const tour = new ForestTour(forest, kernels.memory);
    const all = ascending(tableAddresses());
    expect(all.length).toBeGreaterThan(20);
    const firsts = new Set<number>();
    for (let seed = 0; seed < 40; seed += 1) {
      tour.begin(new Random(seed));
      const met = collect(() => tour.nextTable());
      expect(ascending(met)).toEqual(all);
      firsts.add(met[0] ?? 0);
    }
    expect(firsts.size).toBeGreaterThan(3);
  });

  test("has its manifest log toured from the newest block to the oldest", () => {
    const tour = new ForestTour(forest, kernels.memory);
    tour.begin(new Random(1));
    const met = collect(() => tour.nextManifestBlock());
    const { oldest, newest, blockCount } = forest.manifestReferences();
    expect([met[0], met.at(-1), met.length]).toEqual([newest.address, oldest.address, blockCount]);
    expect(new Set(met).size).toBe(blockCount);
  });

  test("tells a state sync of each table where it is and since when", () => {
    const tables = new ForestTables(forest, kernels.memory);
    const met: number[] = [];
    for (let table = tables.next(); table !== null; table = tables.next()) {
      met.push(table.index.address);
      expect(table.snapshotMin).toBeGreaterThan(0);
      expect(subject.grid.freeSet.isFree(table.index.address)).toBe(false);
    }
    expect(ascending(met)).toEqual(ascending(tableAddresses()));
    expect(tables.next()).toBeNull();
    tables.rewind();
    expect(tables.next()?.index.address).toBe(met[0]);
  });
});

describe("a manifest log that is compacted on the way", () => {
  test("ends a tour where the log has forgotten", () => {
    const other = new TestForest({ config: TEST_MIN });
    runVector(vectorA, other, 63);
    const { manifestLog } = other.forest;
    const { oldest } = other.forest.manifestReferences();
    expect(manifestLog.blockBefore(oldest.address)).toBeNull();
    expect(manifestLog.blockBefore(12_345)).toBeNull();
  });
});

test("a forest that is not open yet can be reset", () => {
  const trees = accountingTrees(TEST_MIN);
  const grid = new TestGrid({
    config: TEST_MIN,
    memorySizeBytes: 96 * 1024 * 1024,
    blocksOfUsers: forestBlocksMax(TEST_MIN, trees.length),
    cacheBlocks: 64,
    create: (parts) => {
      const users = new ForestOnGrid(parts, trees);
      users.reset();
      return users;
    },
  });
  expect(grid.users.forest.state).toBe("open");
});
