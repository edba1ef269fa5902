import { Random, TEST_MIN } from "@stagbeetle/vsr-protocol";
import { describe, expect, test } from "vitest";
import { TestTrees } from "../../test/test-trees.ts";
import { BatchLookup } from "./batch-lookup.ts";
import { ABSENT, NEEDS_READ, TreeLookup } from "./tree-lookup.ts";

const seeds = 2 * Number(process.env["STAGBEETLE_PROPERTY_RUNS"] ?? 1);
const OPS = 150;
const KEYS = 40;
const TIMEOUT_MS = 60_000;
/** The tree with unique keys. */
const UNIQUE = 3;

/** What a lookup says of a key: where its value is, or something else. */
type Outcome = number | "absent" | "read";

describe("a batch of keys", () => {
  test.each(Array.from({ length: seeds }, (_, seed) => seed + 1))(
    "has the outcome of a lookup of each, seed %d",
    (seed) => {
      const trees = new TestTrees(TEST_MIN, seed);
      const random = new Random(seed + 500);
      const model = trees.models[UNIQUE];
      const counts = { found: 0, absent: 0, read: 0 };
      if (model === undefined) throw new Error("there is no such tree");
      const tree = trees.tree(UNIQUE);
      const { context } = trees.grid.users;
      const outcomes = new Map<bigint, Outcome>();
      const integerAt = (key: number): bigint =>
        context.memory.view.getBigUint64(key, true) | (context.memory.view.getBigUint64(key + 8, true) << 64n);
      const batch = new BatchLookup(
        context,
        tree,
        KEYS,
        {
          found: (key, value) => void outcomes.set(integerAt(key), value),
          needsRead: (key) => void outcomes.set(integerAt(key), "read"),
        },
        "test",
      );
      for (let op = 0; op < OPS; op += 1) {
        trees.step();
        const snapshot = trees.op + 1;
        // Twice as many as differ, and sometimes none.
        const keys = Array.from({ length: random.index(KEYS) }, () => model.integer(model.randomKey(random)));
        outcomes.clear();
        batch.begin(snapshot);
        for (const integer of keys) batch.add(trees.key(integer));
        batch.run();
        for (const integer of keys) {
          let waiting: (() => void) | null = null;
          const lookup = new TreeLookup(context, () => waiting?.());
          const value = lookup.begin(tree, snapshot, trees.key(integer), false);
          const outcome = outcomes.get(integer) ?? "absent";
          if (value === NEEDS_READ) {
            expect(outcome).toBe("read");
            counts.read += 1;
            // What is read now is in memory for the batches to come.
            trees.grid.wait((done) => {
              waiting = done;
              lookup.read();
            });
            break;
          }
          // A tombstone is found in a batch, and nothing to a lookup.
          const tombstone = typeof outcome === "number" && trees.valueAt(model, outcome).timestamp >= 1n << 63n;
          expect(value).toBe(typeof outcome === "number" && !tombstone ? outcome : ABSENT);
          counts[value === ABSENT ? "absent" : "found"] += 1;
        }
      }
      expect(Math.min(counts.found, counts.absent, counts.read), "every outcome has occurred").toBeGreaterThan(3);
    },
    TIMEOUT_MS,
  );
});
