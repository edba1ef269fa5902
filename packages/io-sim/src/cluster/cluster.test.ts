import { SECTOR_SIZE_BYTES, type StateMachine, TEST_MIN } from "@stagbeetle/vsr-protocol";
import { describe, expect, test } from "vitest";

import { Three } from "../../test/three.ts";
import { type Application, STORED_ECHO } from "./application.ts";
import { ObservedStateMachine } from "./observed-state-machine.ts";

/** An application of which one start of a replica, by its number from 0, is changed. */
function changedAt(life: number, change: (machine: StateMachine) => StateMachine): Application {
  let lives = 0;
  return {
    ...STORED_ECHO,
    create: (foundation) => {
      const { stateMachine, store } = STORED_ECHO.create(foundation);
      const changed = lives === life ? change(stateMachine) : stateMachine;
      lives += 1;
      return { stateMachine: changed, store };
    },
  };
}

describe("a cluster of three", () => {
  test("executes everything on all of them, and their checkpoints are equal", () => {
    const three = new Three();
    three.request(30);
    three.until(() => three.cluster.machines.every(({ replica }) => replica.state.commitMin === 31));
    expect(three.cluster.machines.map(({ replica }) => replica.state.opCheckpoint)).toEqual([19, 19, 19]);
    // The state, the replies and the grid of two replicas, each held against those of the first; and their blocks after ops 7, 15, 23
    // and 31.
    expect(three.cluster.storageChecker.comparisons).toBe(2 * (3 + 4));
  });

  test("goes on when a machine stands still, which catches up when it goes on itself", () => {
    const three = new Three();
    three.cluster.machineAt(0).pause();
    three.request(5);
    expect(three.cluster.machineAt(0).replica.state.commitMin).toBeLessThan(6);
    three.cluster.machineAt(0).unpause();
    three.until(() => three.cluster.machineAt(0).replica.state.commitMin === 6);
  });

  test("is found out if a replica gives another result than the others", () => {
    const wrong = (machine: StateMachine): StateMachine =>
      new ObservedStateMachine(machine, ({ op }, result) => {
        if (op >= 4) result[0] = (result[0] ?? 0) ^ 1;
      });
    const three = new Three(changedAt(2, wrong));
    expect(() => three.request(20)).toThrow(/replica 2: the result of op 4 .* differs in byte 0/);
  });

  test("is found out if a block of a checkpoint is not what the others have", () => {
    const three = new Three();
    three.request(10);
    // Whatever replica 2 writes to the grid from now on has a byte changed on the disk.
    const { disk } = three.cluster.machineAt(2);
    const write = disk.write.bind(disk);
    disk.write = (offset, source) => {
      const inGrid = offset >= TEST_MIN.derived.dataFileSizeMin;
      const copy = source.slice();
      if (inGrid) copy[300] = (copy[300] ?? 0) ^ 1;
      write(offset, copy);
    };
    expect(() => three.request(20)).toThrow(/op \d+: the (bar|grid) of replica 2 differs|is not whole on the disk/);
  });

  test("is found out if a message is not given back", () => {
    const three = new Three();
    const machine = three.cluster.machineAt(2);
    const write = machine.journal.writePrepare.bind(machine.journal);
    machine.journal.writePrepare = (message, callback) => {
      write(message.reference(), callback);
    };
    three.request(20);
    three.until(() => machine.pendingCount === 0 && machine.replica.state.commitStage === "idle");
    expect(() => machine.crash()).toThrow(/replica 2: \d+ messages are in use, the pipeline has \d+/);
  });

  test("does not count a message twice that is in the pipeline and on its way", () => {
    const three = new Three();
    const primary = three.cluster.machines.find(({ replica }) => replica.state.serving);
    if (primary === undefined) throw new Error("there is a primary");
    for (const machine of three.cluster.machines) if (machine !== primary) machine.pause();
    three.client.request({ operation: 128, body: Uint8Array.of(1) });
    // The primary sends its prepare again and again.
    for (let ticks = 0; ticks < 200; ticks += 1) {
      three.cluster.tick();
      primary.assertMessagesHeld();
      three.cluster.settle();
    }
    expect(primary.replica.messagesHeld).toBe(1);
  });

  test("is found out if an op is executed that too few disks have", () => {
    const three = new Three();
    for (const machine of three.cluster.machines) {
      const { disk } = machine;
      const write = disk.write.bind(disk);
      // Prepares are acknowledged and not written.
      disk.write = (offset, source) => {
        if (source.length > SECTOR_SIZE_BYTES || offset < TEST_MIN.derived.dataFileSizeMin) return;
        write(offset, source);
      };
    }
    expect(() => three.request(1)).toThrow("op 2 is executed while 0 disks have it, but 2 must");
  });
});
