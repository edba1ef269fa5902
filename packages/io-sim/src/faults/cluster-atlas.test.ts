import { Random, TEST_MIN } from "@stagbeetle/vsr-protocol";
import { describe, expect, test } from "vitest";

import { ClusterFaultAtlas } from "./cluster-atlas.ts";

const BLOCKS = 258_048;

function atlasOf(replicaCount: number, random = new Random(1), blockCount = 1000): ClusterFaultAtlas {
  return new ClusterFaultAtlas({ config: TEST_MIN, replicaCount, random, blockCount });
}

/** The replicas on which a chunk may become faulty. */
function replicasOf(atlas: ClusterFaultAtlas, chunkClass: "headers" | "replies" | "grid", chunk: number): number[] {
  return [0, 1, 2, 3, 4, 5].filter((replica) => atlas.faultable(replica, chunkClass, chunk));
}

describe("the atlas of a cluster", () => {
  test("is drawn as the specification's vector of four replicas says (spec 07 §8.5)", () => {
    const random = new Random(11_162_538_943_635_311_430n);
    const atlas = atlasOf(4, random, BLOCKS);
    const chosen = (chunkClass: "headers" | "replies" | "grid", count: number): number[][] =>
      Array.from({ length: count }, (_, chunk) => replicasOf(atlas, chunkClass, chunk));
    expect(chosen("headers", 2)).toEqual([[3], [1]]);
    expect(chosen("replies", 7)).toEqual([[3], [0], [1], [0], [1], [2], [2]]);
    expect(chosen("grid", 16).flat()).toEqual([1, 1, 1, 3, 1, 1, 2, 1, 0, 3, 3, 1, 0, 2, 1, 3]);
    const totals = [0, 1, 2, 3].map((replica) => {
      let total = 0;
      for (let block = 0; block < BLOCKS; block += 1) total += atlas.faultable(replica, "grid", block) ? 1 : 0;
      return total;
    });
    expect(totals).toEqual([64_738, 64_415, 64_706, 64_189]);
  });

  test.each([
    [1, 0, 0],
    [2, 1, 0],
    [3, 1, 1],
    [4, 1, 1],
    [5, 2, 2],
    [6, 2, 2],
  ])("of %i replicas lets %i lose a part of the log, and %i a block", (replicaCount, logs, blocks) => {
    const atlas = atlasOf(replicaCount);
    expect(replicasOf(atlas, "headers", 0)).toHaveLength(logs);
    expect(replicasOf(atlas, "grid", 17)).toHaveLength(blocks);
  });

  test("leaves every replica a part of its log, and the superblock alone", () => {
    for (let seed = 0; seed < 20; seed += 1) {
      const atlas = atlasOf(6, new Random(seed));
      for (let replica = 0; replica < 6; replica += 1) {
        expect(atlas.faultable(replica, "headers", 0) && atlas.faultable(replica, "headers", 1)).toBe(false);
        expect(atlas.of(replica).faultableSector(new Random(1), "superblock", 0, 4096)).toBeNull();
      }
    }
  });

  test("finds only sectors of faultable chunks within a range", () => {
    const atlas = atlasOf(3);
    const replica = [0, 1, 2].find((index) => atlas.faultable(index, "grid", 4)) ?? 0;
    const own = atlas.of(replica);
    const blockSize = TEST_MIN.cluster.blockSize;
    expect(own.faultableSector(new Random(1), "grid", 4 * blockSize, blockSize)).toBe(4 * blockSize);
    const good = [0, 1, 2].find((index) => !atlas.faultable(index, "grid", 4)) ?? 0;
    expect(atlas.of(good).faultableSector(new Random(1), "grid", 4 * blockSize, blockSize)).toBeNull();
  });
});
