import { type BlockReference, Random, TEST_MIN } from "@stagbeetle/vsr-protocol";
import { describe, expect, test } from "vitest";
import { GridHarness } from "../test/grid-harness.ts";
import type { Block } from "./block.ts";
import { GridBlocksMissing, MissingTable } from "./missing-blocks.ts";

const harness = GridHarness.open();
const NO_REFERENCE: BlockReference = { address: 0, checksum: 0n };

/** An index block at `address` of value blocks at these addresses. The checksums are the addresses. */
function indexBlock(address: number, valueAddresses: readonly number[]): Block {
  return harness.indexBlock(address, valueAddresses.map(single));
}

function single(address: number): BlockReference {
  return { address, checksum: BigInt(address) };
}

/** A block in memory that has the checksum of {@link single}. */
function valueBlock(address: number): Block {
  const block = harness.block(address, 1);
  block.header.checksum = BigInt(address);
  return block;
}

/** Lets a block arrive and be written. */
function arrive(missing: GridBlocksMissing, block: Block): void {
  missing.writeBegin(block.header);
  missing.writeComplete(block);
  block.release();
}

/** All that is asked for, ascending. */
function waiting(missing: GridBlocksMissing, random = new Random(1)): number[] {
  const addresses: number[] = [];
  missing.waitingFrom(random, ({ address }) => {
    addresses.push(address);
    return true;
  });
  return addresses.toSorted((a, b) => a - b);
}

const createMissing = (): GridBlocksMissing => new GridBlocksMissing({ config: TEST_MIN });

describe("a single missing block", () => {
  test("is asked for until it arrives, and is gone when it is written", () => {
    const missing = createMissing();
    missing.repairBlock(single(5));
    expect(missing.blockWaiting(single(5))).toBe(true);
    expect(missing.blockWaiting({ address: 5, checksum: 6n })).toBe(false);
    const block = valueBlock(5);
    missing.writeBegin(block.header);
    expect([missing.stateOf(5), missing.blockWaiting(single(5)), waiting(missing)]).toEqual(["writing", false, []]);
    missing.writeComplete(block);
    block.release();
    expect([missing.count, missing.blocksAvailable]).toEqual([0, TEST_MIN.process.gridMissingBlocksMax]);
  });

  test("is queued once, and not when there is no room", () => {
    const missing = createMissing();
    for (const address of [1, 1, 2, 3, 4]) missing.repairBlock(single(address));
    expect(waiting(missing)).toEqual([1, 2, 3]);
    expect(missing.blocksAvailable).toBe(0);
  });

  test("is wanted in one version", () => {
    const missing = createMissing();
    missing.repairBlock(single(1));
    expect(() => missing.repairBlock({ address: 1, checksum: 9n })).toThrow("two checksums");
  });

  test("is not always the first to be asked for", () => {
    const missing = createMissing();
    for (const address of [1, 2, 3]) missing.repairBlock(single(address));
    const random = new Random(3);
    const first = new Set<number>();
    for (let times = 0; times < 50; times += 1) {
      missing.waitingFrom(random, ({ address }) => {
        first.add(address);
        return false;
      });
    }
    expect(first).toEqual(new Set([1, 2, 3]));
  });
});

describe("a table that is synced", () => {
  test("is complete when its index block and then all its value blocks are written", () => {
    const missing = createMissing();
    const index = indexBlock(10, [11, 12]);
    const table = new MissingTable(index.reference());
    missing.syncTable(table);
    expect(waiting(missing)).toEqual([10]);
    arrive(missing, index);
    expect(waiting(missing)).toEqual([11, 12]);
    arrive(missing, valueBlock(12));
    expect(missing.reclaimTable()).toBe(null);
    arrive(missing, valueBlock(11));
    expect(missing.reclaimTable()).toBe(table);
    expect(missing.reclaimTable()).toBe(null);
    expect([missing.count, missing.tablesAvailable]).toEqual([0, TEST_MIN.process.gridMissingTablesMax]);
  });

  test("takes over what is queued as a single block, also while it is being written", () => {
    const missing = createMissing();
    const index = indexBlock(10, [11, 12]);
    const [written, queued] = [valueBlock(11), valueBlock(12)];
    missing.repairBlock(single(11));
    missing.repairBlock(single(12));
    missing.writeBegin(written.header);
    missing.syncTable(new MissingTable(index.reference()));
    arrive(missing, index);
    expect(missing.blocksAvailable).toBe(TEST_MIN.process.gridMissingBlocksMax);
    missing.writeComplete(written);
    arrive(missing, queued);
    expect(missing.reclaimTable()?.complete).toBe(true);
    written.release();
  });

  test("needs room", () => {
    const missing = createMissing();
    for (let at = 0; at < TEST_MIN.process.gridMissingTablesMax; at += 1)
      missing.syncTable(new MissingTable(single(at + 1)));
    expect(() => missing.syncTable(new MissingTable(single(9)))).toThrow("2 tables of 2");
  });
});

describe("when blocks become free", () => {
  /** A free set in which these blocks are about to be freed. */
  function freeing(addresses: readonly number[]): GridHarness {
    const other = GridHarness.open();
    other.acquire(40);
    other.grid.release(addresses);
    other.checkpoint();
    return other;
  }

  test("those that wait are forgotten at once, those that are being written when they are", () => {
    const missing = createMissing();
    const { grid } = freeing([1, 2]);
    for (const address of [1, 2, 3]) missing.repairBlock(single(address));
    const block = valueBlock(2);
    missing.writeBegin(block.header);
    const told: string[] = [];
    missing.checkpointDurable(grid.freeSet, () => told.push("durable"));
    expect([waiting(missing), missing.stateOf(2), told]).toEqual([[3], "aborting", []]);
    missing.writeComplete(block);
    expect([missing.count, told]).toEqual([1, ["durable"]]);
    block.release();
  });

  test("a table is dropped with all its blocks", () => {
    const missing = createMissing();
    const { grid } = freeing([10, 11, 12]);
    const index = indexBlock(10, [11, 12]);
    missing.syncTable(new MissingTable(index.reference()));
    arrive(missing, index);
    const block = valueBlock(11);
    missing.writeBegin(block.header);
    let durable = false;
    missing.checkpointDurable(grid.freeSet, () => (durable = true));
    expect([durable, missing.count, missing.tablesAvailable]).toEqual([false, 1, 2]);
    missing.writeComplete(block);
    expect([durable, missing.count, missing.reclaimTable()]).toEqual([true, 0, null]);
    block.release();
  });

  test("nothing is waited for if nothing is being written", () => {
    const missing = createMissing();
    let durable = false;
    missing.checkpointDurable(freeing([1]).grid.freeSet, () => (durable = true));
    expect(durable).toBe(true);
  });
});

describe("a state sync", () => {
  test("forgets single blocks, and goes on with the tables that still exist", () => {
    const missing = createMissing();
    const index = indexBlock(10, [11, 12]);
    const kept = new MissingTable(index.reference());
    const gone = new MissingTable(single(20));
    missing.repairBlock(single(1));
    missing.syncTable(kept);
    missing.syncTable(gone);
    arrive(missing, index);
    const block = valueBlock(11);
    missing.writeBegin(block.header);
    missing.suspend();
    expect([missing.count, missing.tablesAvailable]).toEqual([0, 0]);
    // The trailers of the new checkpoint are fetched meanwhile.
    missing.repairBlock(single(2));
    expect(waiting(missing)).toEqual([2]);
    missing.resume((table) => table === kept);
    expect(waiting(missing)).toEqual([2, 11, 12]);
    expect(missing.tablesAvailable).toBe(1);
    arrive(missing, block);
    arrive(missing, valueBlock(12));
    expect(missing.reclaimTable()).toBe(kept);
  });

  test("after another one remembers what the first set aside", () => {
    const missing = createMissing();
    const table = new MissingTable(single(20));
    missing.syncTable(table);
    missing.suspend();
    missing.suspend();
    missing.resume(() => true);
    expect(waiting(missing)).toEqual([20]);
  });
});

test("an empty queue asks for nothing", () => {
  expect(waiting(createMissing())).toEqual([]);
  expect(createMissing().blockWaiting(NO_REFERENCE)).toBe(false);
});
