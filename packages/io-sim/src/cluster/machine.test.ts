import { Random, SECTOR_SIZE_BYTES, TEST_MIN } from "@stagbeetle/vsr-protocol";
import { describe, expect, test } from "vitest";

import { Stage } from "../../test/stage.ts";
import { ALWAYS, NO_STORAGE_FAULTS } from "../faults/storage-faults.ts";
import { Damage } from "../runs/damage.ts";
import { ACCOUNTING } from "./application.ts";
import { CONFIGURATIONS, opMaxWithoutCheckpoint } from "./configurations.ts";

function damageOf(stage: Stage): Damage {
  const { config, machine, history } = stage.cluster;
  return new Damage(config, machine.disk, new Random(1), history.opMax);
}

describe("a single replica that starts again (spec 03 §33.2)", () => {
  test("has everything, and asks for a new view", () => {
    const stage = Stage.serving();
    stage.request(5);
    expect(stage.cluster.machine.replica.state).toMatchObject({ op: 6, commitMin: 6, view: 1 });
    expect(stage.restart()).toBe("serving");
    expect(stage.cluster.machine.replica.state).toMatchObject({ op: 6, commitMin: 6, view: 2 });
    stage.request();
    expect(stage.op).toBe(7);
  });

  test("repairs its redundant headers from the prepares, however many are damaged", () => {
    const stage = Stage.serving();
    stage.request(3);
    const damage = damageOf(stage);
    for (const sector of [0, 1]) damage.corruptAt("walHeaders", sector * SECTOR_SIZE_BYTES, "garbage");
    expect(damage.expectation).toBe("serves");
    expect(stage.restart()).toBe("serving");
    stage.request();
    expect(stage.restart()).toBe("serving");
  });

  test("refuses to start with a damaged prepare, and says so", () => {
    const stage = Stage.serving();
    stage.request(3);
    const damage = damageOf(stage);
    damage.corruptAt("walPrepares", 2 * TEST_MIN.cluster.messageSizeMax, "bit");
    expect(damage.expectation).toBe("refuses");
    expect(stage.restart()).toBe("refused");
    expect(stage.cluster.machine.refusal.message).toContain("(WALCorrupt): 1 slots from slot 2 on");
  });

  test.each([
    ["right after the head, which looks like a torn append, serves", 1, "serving", "serves"],
    ["further on refuses", 2, "refused", "refuses"],
  ] as const)("with a damaged slot that was never used %s", (_, distance, state, expectation) => {
    const stage = Stage.serving();
    stage.request(3);
    const damage = damageOf(stage);
    damage.corruptAt("walPrepares", (stage.op + distance) * TEST_MIN.cluster.messageSizeMax, "garbage");
    expect(damage.expectation).toBe(expectation);
    expect(stage.restart()).toBe(state);
  });

  test.each([
    [2, "serving", "serves"],
    [3, "refused", "refuses"],
  ] as const)("with %i damaged copies of the superblock is %s", (copies, state, expectation) => {
    const stage = Stage.serving();
    stage.request();
    const damage = damageOf(stage);
    for (let copy = 0; copy < copies; copy += 1) {
      damage.corruptAt("superblock", copy * TEST_MIN.derived.superblockCopySize, "zeros");
    }
    expect(damage.expectation).toBe(expectation);
    expect(stage.restart()).toBe(state);
  });

  test("writes the replies again that were damaged, from the log", () => {
    const stage = Stage.serving();
    stage.request(2);
    damageOf(stage).corruptAt("clientReplies", 0, "garbage");
    expect(stage.restart()).toBe("serving");
    stage.client.probe();
    stage.until(() => stage.quiet);
    expect(stage.cluster.history.counts.repeated).toBe(1);
  });
});

describe("a log without checkpoints", () => {
  test("takes requests up to the last op before the first checkpoint is due, and starts again when it is full", () => {
    const stage = Stage.serving({ application: ACCOUNTING });
    const opMax = opMaxWithoutCheckpoint(TEST_MIN);
    expect(opMax).toBe(22);
    // Pulses take ops, too.
    while (stage.op < opMax) stage.request();
    expect(stage.op).toBe(opMax);
    stage.client.request(stage.cluster.workload.next(stage.client.bodySizeMax));
    stage.tick(1000);
    expect(stage.client.state).toBe("busy");
    expect(stage.op).toBe(opMax);
    expect(stage.restart()).toBe("serving");
    expect(stage.cluster.machine.replica.state).toMatchObject({ op: opMax, commitMin: opMax });
    expect(stage.cluster.history.counts.executedAgain).toBe(opMax);
  });

  test("has 990 ops with as many slots as in production", () => {
    expect(opMaxWithoutCheckpoint(CONFIGURATIONS.long)).toBe(990);
  });
});

describe("a crash", () => {
  /** The power fails while a request, the second op, is written to this zone, and damages what is being written. */
  function interrupted(zone: "walPrepares" | "walHeaders"): Stage {
    const stage = Stage.serving();
    const { machine } = stage.cluster;
    machine.crash();
    stage.faults = {
      ...NO_STORAGE_FAULTS,
      crashFault: ALWAYS,
      writeLatency: { minimumMicroseconds: 20_000, meanMicroseconds: 0 },
    };
    expect(stage.start()).toBe("serving");
    stage.client.request({ operation: 128, body: new Uint8Array(100) });
    stage.until(() => machine.writing(zone));
    expect(stage.op).toBe(2);
    expect(stage.restart()).toBe("serving");
    return stage;
  }

  test("that damages the prepare which is being written loses what nobody was told, and nothing else", () => {
    const stage = interrupted("walPrepares");
    expect(stage.op).toBe(1);
    stage.until(() => stage.quiet);
    expect(stage.op).toBe(2);
  });

  test("that damages the headers which are being written loses nothing", () => {
    const stage = interrupted("walHeaders");
    expect(stage.op).toBe(2);
    stage.until(() => stage.quiet);
    expect(stage.op).toBe(2);
  });
});

describe("a replica that rests", () => {
  test("holds no message beside those of its connections", () => {
    const stage = Stage.serving({ clientCount: 3 });
    stage.request(3);
    stage.tick(10);
    expect(stage.cluster.machine.messagesHeld).toBe(0);
  });
});
