import { Command, SECTOR_SIZE_BYTES, type StateMachine, TEST_MIN } from "@stagbeetle/vsr-protocol";
import { describe, expect, test } from "vitest";

import { Three } from "../../test/three.ts";
import { NO_STORAGE_FAULTS } from "../faults/storage-faults.ts";
import { linksBetween } from "../scenario/traffic.ts";
import { type Application, STORED_ECHO } from "./application.ts";
import { ObservedStateMachine } from "./observed-state-machine.ts";
import { Recovery } from "./recovery.ts";

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

/** From now on prepares are acknowledged and not written. */
function loseWritesOfPrepares(three: Three): void {
  for (const { disk } of three.cluster.machines) {
    const write = disk.write.bind(disk);
    disk.write = (offset, source) => {
      if (source.length > SECTOR_SIZE_BYTES || offset < TEST_MIN.derived.dataFileSizeMin) return;
      write(offset, source);
    };
  }
}

/** A backup acknowledges an op, which nobody hears of, and loses its disk. Returns its index; the op is 2. */
function loseAcknowledged(three: Three): number {
  const { machines, network } = three.cluster;
  const replicas = machines.map(({ index }) => index);
  const acknowledgements = { command: Command.prepareOk };
  for (const link of linksBetween(replicas, replicas)) network.rules.drop(link, acknowledgements);
  three.client.request({ operation: 128, body: Uint8Array.of(1) });
  three.until(() => machines.every(({ replica, pendingCount }) => replica.state.op === 2 && pendingCount === 0));
  three.cluster.machineAt(2).crash();
  three.cluster.replaceDisk(2);
  for (const link of linksBetween(replicas, replicas)) network.rules.pass(link, acknowledgements);
  return 2;
}

/** As an operator does it. */
function recover(three: Three, replica: number): void {
  const recovery = new Recovery(three.cluster, replica);
  three.until(() => recovery.tick() === "formatted");
  recovery.machine.start(NO_STORAGE_FAULTS);
  three.until(() => three.cluster.machines.every((machine) => machine.state === "serving"));
  three.until(() => three.cluster.machines.every((machine) => machine.replica.state.status === "normal"));
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
    loseWritesOfPrepares(three);
    expect(() => three.request(1)).toThrow("op 2 is executed while 0 disks have it, but 2 must");
  });
});

describe("a replica that lost its disk", () => {
  test("begins anew when the others have executed what it acknowledged", () => {
    const three = new Three();
    const lost = loseAcknowledged(three);
    expect(three.cluster.history.opMax).toBe(1);
    recover(three, lost);
    // The request, and those of the replacement.
    expect(three.cluster.history.opMax).toBe(2 + TEST_MIN.cluster.pipelinePrepareQueueMax);
  });

  test("is found out if it begins anew before", () => {
    const three = new Three();
    const lost = loseAcknowledged(three);
    expect(() => three.cluster.reformat(lost, 3)).toThrow(
      "replica 2 is formatted again: it acknowledged op 2, the others executed 1",
    );
  });

  test("is found out if it begins anew in a view that it may have been in", () => {
    const three = new Three();
    const lost = loseAcknowledged(three);
    three.until(() => three.cluster.history.opMax === 2);
    expect(() => three.cluster.reformat(lost, 1)).toThrow(
      "replica 2 is formatted again for view 1: it acknowledged in view 1",
    );
  });

  test("does not count as a disk that may have had a prepare, once it was replaced", () => {
    const three = new Three();
    for (const lost of [2, 0]) {
      three.cluster.machineAt(lost).crash();
      three.cluster.replaceDisk(lost);
      recover(three, lost);
    }
    loseWritesOfPrepares(three);
    expect(() => three.request(1)).toThrow(/op \d+ is executed while 0 disks have it, but 2 must/);
  });
});
