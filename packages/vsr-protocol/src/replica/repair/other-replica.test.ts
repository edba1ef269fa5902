import { describe, expect, test } from "vitest";
import { Random } from "../../random.ts";
import { otherReplica, otherReplicaCount, otherReplicas } from "./other-replica.ts";

const node = (replica: number, replicaCount: number) => ({ replica, replicaCount, standby: replica >= replicaCount });

describe("the other replicas", () => {
  test.each([
    { replica: 0, replicaCount: 1, others: [] },
    { replica: 0, replicaCount: 2, others: [1] },
    { replica: 1, replicaCount: 3, others: [0, 2] },
    { replica: 5, replicaCount: 6, others: [0, 1, 2, 3, 4] },
    { replica: 1, replicaCount: 1, others: [0] },
    { replica: 4, replicaCount: 3, others: [0, 1, 2] },
  ])("of node $replica of $replicaCount replicas are $others, each as likely as the next", ({ others, ...rest }) => {
    const identity = node(rest.replica, rest.replicaCount);
    expect(otherReplicas(identity)).toEqual(others);
    expect(otherReplicaCount(identity)).toBe(others.length);
    const random = new Random(1);
    const drawn = new Set(Array.from({ length: 200 }, () => otherReplica(identity, random)));
    expect([...drawn].toSorted((left, right) => Number(left) - Number(right))).toEqual(
      others.length === 0 ? [null] : others,
    );
  });
});
