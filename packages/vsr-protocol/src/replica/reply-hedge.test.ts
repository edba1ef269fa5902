import { describe, expect, test } from "vitest";
import { answers, hedgeOffset } from "./reply-hedge.ts";

describe("the backup that answers, too, is that of spec 03 §34.6", () => {
  test.each([
    { replicaCount: 2, offsets: "1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1" },
    { replicaCount: 3, offsets: "2 1 1 1 1 2 1 2 2 2 2 2 2 1 1 1 1 1 1 2 1 2 1 2" },
    { replicaCount: 4, offsets: "2 1 1 1 1 2 1 3 3 2 2 3 3 1 1 1 1 1 1 3 1 2 1 3" },
    { replicaCount: 5, offsets: "3 1 1 1 1 3 1 3 4 3 3 4 4 1 1 2 1 1 1 3 2 3 1 4" },
    { replicaCount: 6, offsets: "4 1 1 1 1 4 2 4 5 4 3 4 5 1 1 2 2 1 1 4 2 4 2 5" },
  ])("of $replicaCount replicas", ({ replicaCount, offsets }) => {
    const drawn = Array.from({ length: 24 }, (_, index) => hedgeOffset(index + 1, replicaCount));
    expect(drawn.join(" ")).toBe(offsets);
  });
});

test("the primary and exactly one backup answer, whoever is the primary", () => {
  for (let replicaCount = 2; replicaCount <= 6; replicaCount += 1) {
    for (let op = 1; op <= 40; op += 1) {
      const primary = op % replicaCount;
      const nodes = Array.from({ length: replicaCount + 2 }, (_, node) => node);
      const answering = nodes.filter((node) => answers(op, node, primary, replicaCount));
      expect(answering).toHaveLength(2);
      expect(answering).toContain(primary);
      expect(Math.max(...answering)).toBeLessThan(replicaCount);
    }
  }
});

test("alone, a replica answers, and its standbys do not", () => {
  expect([0, 1, 2].map((node) => answers(7, node, 0, 1))).toEqual([true, false, false]);
});
