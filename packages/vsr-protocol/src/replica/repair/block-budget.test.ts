import { describe, expect, test } from "vitest";
import { TestTime } from "../../../test/solo.ts";
import { Random } from "../../random.ts";
import { BlockBudget } from "./block-budget.ts";

const MS = 1_000_000n;
const REQUEST_MAX = 4;

const block = (address: number) => ({ address, checksum: BigInt(address) });

function budgetOf(replicaCount = 2): { budget: BlockBudget; time: TestTime } {
  const time = new TestTime();
  const identity = { replica: 0, replicaCount };
  return { budget: new BlockBudget({ requestMax: REQUEST_MAX, identity, time, random: new Random(1) }), time };
}

describe("a budget of blocks", () => {
  test("lets a full request follow when all but one were answered", () => {
    const { budget } = budgetOf();
    for (let address = 1; address <= REQUEST_MAX; address += 1) expect(budget.decrement(block(address), 1)).toBe(true);
    expect(budget.destination()).toBeNull();
    for (let address = 1; address < REQUEST_MAX; address += 1) budget.increment(block(address));
    expect(budget.destination()).toBe(1);
    for (let address = 11; address <= 10 + REQUEST_MAX; address += 1) budget.decrement(block(address), 1);
    expect(() => budget.decrement(block(99), 1)).toThrow("5 blocks already");
  });

  test("goes to any of the replicas that have room", () => {
    const { budget } = budgetOf(4);
    const drawn = (): number[] =>
      [...new Set(Array.from({ length: 100 }, () => budget.destination() ?? -1))].toSorted(
        (left, right) => Number(left) - Number(right),
      );
    expect(drawn()).toEqual([1, 2, 3]);
    for (const address of [1, 2]) budget.decrement(block(address), 2);
    expect(drawn()).toEqual([1, 3]);
    expect(budgetOf(1).budget.destination()).toBeNull();
  });

  test("refuses a block that was asked for less than 100 ms ago, of anyone", () => {
    const { budget, time } = budgetOf(3);
    expect(budget.decrement(block(1), 1)).toBe(true);
    time.advance(100n * MS - 1n);
    expect([budget.decrement(block(1), 1), budget.decrement(block(1), 2)]).toEqual([false, false]);
    expect(budget.decrement({ address: 1, checksum: 9n }, 2)).toBe(true);
    time.advance(1n);
    expect(budget.decrement(block(1), 2)).toBe(true);
  });

  test("counts a block once that is asked for again of the same replica", () => {
    const { budget, time } = budgetOf();
    for (let round = 0; round < 5; round += 1) {
      expect(budget.decrement(block(1), 1)).toBe(true);
      time.advance(100n * MS);
    }
    expect(budget.describe()).toBe("1: 1");
  });

  test("gives up after 250 ms", () => {
    const { budget, time } = budgetOf();
    budget.decrement(block(1), 1);
    time.advance(250n * MS);
    budget.reap();
    expect(budget.describe()).toBe("1: 1");
    time.advance(1n);
    budget.reap();
    expect(budget.describe()).toBe("1: 0");
  });

  test("forgets all when it is refilled", () => {
    const { budget } = budgetOf(3);
    budget.decrement(block(1), 1);
    budget.decrement(block(2), 2);
    budget.refill();
    expect(budget.describe()).toBe("1: 0, 2: 0");
  });
});
