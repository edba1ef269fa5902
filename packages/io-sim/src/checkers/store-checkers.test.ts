import type { Block } from "@stagbeetle/grid";
import { assert } from "@stagbeetle/kernels";
import type { DataFileStore } from "@stagbeetle/state-machine";
import { describe, expect, test } from "vitest";

import { Three } from "../../test/three.ts";

/** The store of one of three replicas. */
function storeOf(three: Three, replica: number): DataFileStore {
  const { store } = three.cluster.machineAt(replica);
  assert(store !== null, "the machine writes checkpoints");
  return store;
}

/** A block that says that it belongs to an address. */
function blockAt(grid: DataFileStore["grid"], address: number, checksum: bigint): Block {
  const block = grid.blocks.acquire();
  block.header.address = address;
  block.header.checksum = checksum;
  return block;
}

/** Enough for the first checkpoint. */
const REQUESTS = 30;

describe("three replicas in order", () => {
  test("have the same blocks and the same tables, also after a restart", () => {
    const three = new Three();
    three.request(REQUESTS);
    const { gridChecker, manifestChecker, machines } = three.cluster;
    expect(gridChecker.comparisons).toBeGreaterThan(0);
    expect(manifestChecker.comparisons).toBeGreaterThan(0);
    three.until(() => machines.every(({ replica }) => replica.state.opCheckpoint === 19));
    const before = manifestChecker.comparisons;
    three.restart(2);
    expect(manifestChecker.comparisons).toBe(before + 1);
  });
});

describe("it is found out", () => {
  test("if a block is at another address than on the others", () => {
    const three = new Three();
    const { freeSet } = storeOf(three, 2).grid;
    const acquire = freeSet.acquire.bind(freeSet);
    let skipped: number | null = null;
    // Addresses in pairs, the second first.
    freeSet.acquire = (reservation) => {
      const address = skipped ?? acquire(reservation);
      const next = skipped === null ? acquire(reservation) : null;
      skipped = next === null ? null : address;
      return next ?? address;
    };
    expect(() => three.request(REQUESTS)).toThrow(/replica \d: block \d+ was another one at the same checkpoint/);
  });

  test("if a block is used that is free", () => {
    const three = new Three();
    three.request(REQUESTS);
    const { grid } = storeOf(three, 2);
    const free = grid.freeSet.highestAddressAcquired + 1;
    const machine = three.cluster.machineAt(2);
    expect(() => three.cluster.gridChecker.check(machine, blockAt(grid, free, 1n))).toThrow(
      `replica 2 uses block ${free}, which is free`,
    );
  });

  test("if a block of the checkpoint before is written over while this one is not on a quorum", () => {
    const three = new Three();
    three.request(REQUESTS);
    const machine = three.cluster.machineAt(2);
    const { gridChecker } = three.cluster;
    const { grid } = storeOf(three, 2);
    const [address = 0] = grid.freeSet.addressesAcquired();
    const { superblock } = machine;
    assert(grid.freeSet.checkpointDurable, "the first checkpoint is durable");
    gridChecker.check(machine, blockAt(grid, address, 1n));
    const ids = { op: 39, id: 77n, parentId: superblock.checkpointIds.id, grandparentId: 0n };
    Object.defineProperty(superblock, "checkpointIds", { value: ids });
    Object.defineProperty(grid.freeSet, "checkpointDurable", { value: false });
    expect(() => gridChecker.check(machine, blockAt(grid, address, 2n))).toThrow(
      `block ${address} is not that of the checkpoint before`,
    );
  });

  test("if blocks are never released", () => {
    const three = new Three();
    const { freeSet } = storeOf(three, 2).grid;
    const release = freeSet.release.bind(freeSet);
    let kept = 0;
    freeSet.release = (address) => {
      if (kept > 0) release(address);
      kept += 1;
    };
    expect(() => three.request(REQUESTS)).toThrow(/replica 2 uses \d+ blocks, its tables and their log consist of \d+/);
  });

  test("if a table has other keys than on the others", () => {
    const three = new Three();
    const { manifestChecker } = three.cluster;
    const onCheckpointed = manifestChecker.onCheckpointed.bind(manifestChecker);
    manifestChecker.onCheckpointed = (machine) => {
      const { forest } = storeOf(three, machine.index);
      const [table] = forest.trees.trees.flatMap(({ levels }) => levels.flatMap((level) => [...level]));
      assert(table !== undefined, "there is a table");
      const at = forest.trees.infos.keyMax(table);
      const { bytes } = forest.kernels.memory;
      if (machine.index === 2) bytes[at] = (bytes[at] ?? 0) ^ 1;
      onCheckpointed(machine);
    };
    expect(() => three.request(REQUESTS)).toThrow(
      /checkpoint 19: the tables of replica \d are not those of replica \d/,
    );
  });
});
