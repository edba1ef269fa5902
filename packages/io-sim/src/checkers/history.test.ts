import { assert } from "@stagbeetle/kernels";
import { type Config, type StateMachine, type Storage, TEST_MIN } from "@stagbeetle/vsr-protocol";
import { describe, expect, test } from "vitest";

import { Stage } from "../../test/stage.ts";
import { ACCOUNTING, type Application, ECHO } from "../cluster/application.ts";
import { ObservedStateMachine } from "../cluster/observed-state-machine.ts";
import type { SimulatedDisk } from "../disk.ts";

/** Lets the disk hold what it held before: what an undetected loss would look like. */
function restore(disk: SimulatedDisk, earlier: SimulatedDisk): void {
  const bytes = new Uint8Array(TEST_MIN.derived.dataFileSizeMin);
  earlier.readPristine(0, bytes);
  disk.write(0, bytes);
}

/** An application whose state machine is changed by a test. */
function changed(application: Application, change: (machine: StateMachine) => StateMachine): Application {
  return {
    ...application,
    createStateMachine: (config: Config, storage: Storage) => change(application.createStateMachine(config, storage)),
  };
}

/** A state machine that gives wrong results from some op on. */
function wrongFrom(op: number): (machine: StateMachine) => StateMachine {
  return (machine) =>
    new ObservedStateMachine(machine, (committing, result) => {
      if (committing.op >= op && result.length > 0) result[0] = (result[0] ?? 0) ^ 1;
    });
}

describe("the history", () => {
  test("is quiet about a cluster that is in order", () => {
    const stage = Stage.serving({ clientCount: 2 });
    stage.request(5);
    expect(stage.restart()).toBe("serving");
    stage.client.probe();
    stage.until(() => stage.quiet);
    expect(stage.cluster.history.counts).toEqual({ executed: 7, executedAgain: 7, acknowledged: 7, repeated: 1 });
  });

  test("notices that an acknowledged op is lost", () => {
    const stage = Stage.serving();
    stage.request(2);
    const earlier = stage.cluster.machine.disk.clone();
    stage.request();
    restore(stage.cluster.machine.disk, earlier);
    expect(() => stage.restart()).toThrow("serves from op 3, but op 4 was executed");
  });

  test("notices that another op took the place of one that was executed", () => {
    const stage = Stage.serving({ clientCount: 2 });
    const earlier = stage.cluster.machine.disk.clone();
    stage.request();
    const other = Stage.serving({ clientCount: 2 });
    restore(other.cluster.machine.disk, earlier);
    other.tick(100);
    other.request();
    restore(stage.cluster.machine.disk, other.cluster.machine.disk);
    expect(() => stage.restart()).toThrow(/another one than before/);
  });

  test.each([
    ["echo", ECHO],
    ["accounting", ACCOUNTING],
  ])("notices that %s gives a wrong result", (_, application) => {
    const stage = Stage.serving({ application: changed(application, wrongFrom(4)) });
    expect(() => stage.request(10)).toThrow(/the result of op \d+ .* differs in byte 0/);
  });

  test("notices that an op is executed with another result after a restart", () => {
    let lives = 0;
    const application = changed(ECHO, (machine) => {
      lives += 1;
      return lives === 1 ? machine : wrongFrom(3)(machine);
    });
    const stage = Stage.serving({ application });
    stage.request(4);
    expect(() => stage.restart()).toThrow(/the result of op 3 .* differs/);
  });

  test("notices a reply that is not the one that was sent before", () => {
    const stage = Stage.serving();
    stage.request();
    const { history } = stage.cluster;
    const { reply } = history.executed(2);
    assert(reply !== null, "the request was answered");
    const other = reply.slice();
    other[255] = (other[255] ?? 0) ^ 1;
    expect(() => history.onReplyDelivered(other)).toThrow("the reply of op 2, sent again differs in byte 255");
    expect(() => history.onReplyDelivered(reply)).not.toThrow();
  });
});
