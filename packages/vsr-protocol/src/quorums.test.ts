import { describe, expect, test } from "vitest";
import { quorums } from "./quorums.ts";

/** Spec 01 §3.10 and 03 §2.2, with quorum_replication_max = 3. */
const TABLE: readonly (readonly [number, number, number, number, number])[] = [
  [1, 1, 1, 1, 1],
  [2, 2, 2, 1, 2],
  [3, 2, 2, 2, 2],
  [4, 2, 3, 3, 3],
  [5, 3, 3, 3, 3],
  [6, 3, 4, 4, 4],
  [7, 3, 5, 5, 4],
  [8, 3, 6, 6, 5],
];

describe("the quorums", () => {
  test.each(TABLE)("of %i replicas", (replicaCount, replication, viewChange, nackPrepare, majority) => {
    const expected = { replication, viewChange, nackPrepare, majority, upgrade: replicaCount };
    expect(quorums(replicaCount, 3)).toEqual(expected);
  });

  test("intersect whatever the largest replication quorum is", () => {
    for (let replicaCount = 1; replicaCount <= 12; replicaCount += 1) {
      for (let replicationMax = 2; replicationMax <= 7; replicationMax += 1) {
        const { replication, viewChange, nackPrepare } = quorums(replicaCount, replicationMax);
        expect(replication + viewChange).toBeGreaterThan(replicaCount);
        expect(replication + nackPrepare).toBeGreaterThan(replicaCount);
        expect(2 * viewChange).toBeGreaterThan(replicaCount);
      }
    }
  });

  test("need a replica", () => {
    expect(() => quorums(0, 3)).toThrow("a cluster of 0 replicas");
    expect(() => quorums(3, 1)).toThrow("quorum_replication_max of 1");
  });
});
