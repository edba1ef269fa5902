import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { PROPERTY_RUNS } from "../../../test/builders.ts";
import { checkpointAfter, durable } from "../../checkpoint.ts";
import { TEST_MIN } from "../../config/test-min.ts";
import { decideSync } from "./sync-decision.ts";

// test_min: checkpoints 0, 19, 39, 59; durable once an op above 27, 47, 67 is committed.
describe("the checkpoint of a view is taken", () => {
  test.each([
    { here: 0, theirs: 19, commitMax: 27, stuck: true, decision: "repair", because: "it may not be durable" },
    { here: 0, theirs: 19, commitMax: 28, stuck: false, decision: "repair", because: "the log may suffice" },
    { here: 0, theirs: 19, commitMax: 28, stuck: true, decision: "sync", because: "the log does not suffice" },
    { here: 0, theirs: 39, commitMax: 47, stuck: false, decision: "repair", because: "the log may suffice" },
    { here: 0, theirs: 39, commitMax: 47, stuck: true, decision: "sync", because: "the log does not suffice" },
    { here: 0, theirs: 39, commitMax: 48, stuck: false, decision: "sync", because: "it is two checkpoints ahead" },
    { here: 19, theirs: 39, commitMax: 48, stuck: false, decision: "repair", because: "the log may suffice" },
    { here: 19, theirs: 59, commitMax: 68, stuck: false, decision: "sync", because: "it is two checkpoints ahead" },
    { here: 39, theirs: 39, commitMax: 99, stuck: true, decision: "repair", because: "it is the same" },
    { here: 39, theirs: 19, commitMax: 99, stuck: true, decision: "repair", because: "it is older" },
  ])(
    "$decision from $here to $theirs, committed $commitMax: $because",
    ({ here, theirs, commitMax, stuck, decision }) => {
      const facts = { opCheckpoint: here, checkpointOp: theirs, commitMax, likelyStuck: stuck };
      expect(decideSync(TEST_MIN, facts)).toBe(decision);
    },
  );

  test("never if the next one may not be durable, and never to one that is not newer", () => {
    const checkpoint = fc
      .nat(5)
      .map((index) => Array.from({ length: index }).reduce<number>((op) => checkpointAfter(TEST_MIN, op), 0));
    const property = fc.property(
      checkpoint,
      checkpoint,
      fc.nat(150),
      fc.boolean(),
      (here, theirs, commitMax, stuck) => {
        const facts = { opCheckpoint: here, checkpointOp: theirs, commitMax, likelyStuck: stuck };
        if (decideSync(TEST_MIN, facts) === "repair") return;
        expect(theirs).toBeGreaterThan(here);
        expect(durable(TEST_MIN, checkpointAfter(TEST_MIN, here), commitMax)).toBe(true);
      },
    );
    fc.assert(property, { numRuns: PROPERTY_RUNS });
  });
});
