import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { PROPERTY_RUNS } from "../../../test/builders.ts";
import { TestTime } from "../../../test/solo.ts";
import { Random } from "../../random.ts";
import { PrepareBudget, PREPARES_OUTSTANDING_MAX } from "./prepare-budget.ts";

const MS = 1_000_000n;

function budgetOf(replica = 0, replicaCount = 3, seed = 1): { budget: PrepareBudget; time: TestTime } {
  const time = new TestTime();
  return { budget: new PrepareBudget({ identity: { replica, replicaCount }, time, random: new Random(seed) }), time };
}

describe("a budget of prepares", () => {
  test("allows two of each other replica, and none twice of one", () => {
    const { budget } = budgetOf();
    const asked = [7, 8, 9, 10].map((op) => budget.decrement(op));
    expect(asked.toSorted((left, right) => Number(left) - Number(right))).toEqual([1, 1, 2, 2]);
    expect([budget.exhausted, budget.decrement(11)]).toEqual([true, null]);
    budget.increment(7);
    expect([budget.exhausted, budget.decrement(11)]).toEqual([false, asked[0]]);
  });

  test("lets an op be asked of each replica once", () => {
    const { budget } = budgetOf();
    expect([budget.decrement(7), budget.decrement(7)].toSorted((left, right) => Number(left) - Number(right))).toEqual([
      1, 2,
    ]);
    expect([budget.decrement(7), budget.exhausted]).toEqual([null, false]);
  });

  test("is none for a replica that is alone", () => {
    const { budget } = budgetOf(0, 1);
    expect([budget.decrement(7), budget.exhausted]).toEqual([null, true]);
  });

  test("of a standby is that of all replicas", () => {
    const { budget } = budgetOf(3, 3);
    const asked = Array.from({ length: 3 * PREPARES_OUTSTANDING_MAX }, (_, op) => budget.decrement(op));
    expect(asked.toSorted((left, right) => Number(left) - Number(right))).toEqual([0, 0, 1, 1, 2, 2]);
  });

  test("asks the lowest index while all are equally fast, then the fastest, and now and then any", () => {
    const { budget, time } = budgetOf();
    const counts = [0, 0, 0];
    for (let op = 0; op < 400; op += 1) {
      const replica = budget.decrement(op) ?? 0;
      counts[replica] = (counts[replica] ?? 0) + 1;
      time.advance(replica === 1 ? 20n * MS : 2n * MS);
      budget.increment(op);
    }
    // One in ten draws is random, half of these go to the slow one.
    expect(counts[1]).toBeGreaterThan(5);
    expect(counts[1]).toBeLessThan(60);
    const firsts = Array.from({ length: 40 }, (_, seed) => budgetOf(0, 6, seed).budget.decrement(1));
    expect(firsts.filter((replica) => replica === 1).length).toBeGreaterThan(30);
  });

  test("learns latencies as an average that follows slowly", () => {
    const { budget, time } = budgetOf(0, 2);
    budget.decrement(1);
    time.advance(6n * MS);
    budget.increment(1);
    expect(budget.latencyNs(1)).toBe((4n * MS + 6n * MS) / 5n);
  });

  test("gives up after twice the latency, and learns from that, too", () => {
    const { budget, time } = budgetOf(0, 2);
    budget.decrement(1);
    time.advance(2n * MS);
    budget.reap();
    expect(budget.latencyNs(1)).toBe(MS);
    time.advance(1n);
    budget.reap();
    expect(budget.latencyNs(1)).toBe((4n * MS + 2n * MS + 1n) / 5n);
    expect(budget.decrement(1)).toBe(1);
  });

  test("gives up after half a second at the latest", () => {
    const { budget, time } = budgetOf(0, 2);
    for (let round = 0; round < 20; round += 1) {
      budget.decrement(round);
      time.advance(60_000n * MS);
      budget.increment(round);
    }
    expect(budget.latencyNs(1)).toBeGreaterThan(10_000n * MS);
    budget.decrement(99);
    time.advance(500n * MS + 1n);
    budget.reap();
    expect(budget.describe()).toContain("1: none");
  });

  test("refilled is as at the beginning, but for the latencies", () => {
    const { budget } = budgetOf();
    for (let op = 0; op < 4; op += 1) budget.decrement(op);
    budget.refill();
    expect(budget.exhausted).toBe(false);
    expect(budget.describe()).toBe("1: none (1000 us), 2: none (1000 us)");
  });

  test("never has more than its capacity outstanding, whatever happens", () => {
    const step = fc.record({ kind: fc.constantFrom("decrement", "increment", "reap", "wait"), op: fc.nat(6) });
    const property = fc.property(fc.array(step, { maxLength: 100 }), fc.integer({ min: 1, max: 6 }), (steps, count) => {
      const { budget, time } = budgetOf(0, count);
      const outstanding = new Map<string, true>();
      for (const { kind, op } of steps) {
        if (kind === "wait") time.advance(MS);
        if (kind === "reap") {
          budget.reap();
          outstanding.clear();
          budget.refill();
        }
        if (kind === "increment") {
          budget.increment(op);
          for (const key of outstanding.keys()) if (key.endsWith(`:${op}`)) outstanding.delete(key);
        }
        if (kind !== "decrement") continue;
        const replica = budget.decrement(op);
        if (replica === null) continue;
        expect(outstanding.has(`${replica}:${op}`)).toBe(false);
        outstanding.set(`${replica}:${op}`, true);
        expect(outstanding.size).toBeLessThanOrEqual(PREPARES_OUTSTANDING_MAX * (count - 1));
      }
    });
    fc.assert(property, { numRuns: PROPERTY_RUNS });
  });
});
