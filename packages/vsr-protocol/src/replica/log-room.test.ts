import { describe, expect, test } from "vitest";
import { Solo, TestTime, type TestClient } from "../../test/solo.ts";
import { RecordingLogger } from "../../test/builders.ts";
import { Operation } from "../operation.ts";
import { LogRoom } from "./log-room.ts";

/** The first checkpoint of `test_min` is triggered by op 23. */
const OP_LAST = 22;

/** A replica whose log takes no more ops, and its client. */
function full(): { readonly solo: Solo; readonly client: TestClient } {
  const solo = Solo.serving();
  const client = solo.registered(1n);
  for (let op = 2; op <= OP_LAST; op += 1) client.add(1);
  expect(solo.replica.state.op).toBe(OP_LAST);
  return { solo, client };
}

const refusals = (solo: Solo): string[] => solo.logger.lines.filter((line) => line.startsWith("error"));

describe("a log that cannot be checkpointed", () => {
  test("takes no op of the first checkpoint's trigger or beyond", () => {
    const { solo, client } = full();
    expect(refusals(solo)).toEqual([]);
    client.send();
    solo.settle();
    expect(client.inbox()).toEqual([]);
    expect(solo.replica.state.op).toBe(OP_LAST);
    expect(refusals(solo).length).toBe(1);
    expect(refusals(solo)[0]).toContain("the write-ahead log is full and requests are dropped");
  });

  test("tells the operator every ten seconds, however many requests come", () => {
    const { solo, client } = full();
    client.send();
    for (let seconds = 0; seconds < 25; seconds += 1) {
      client.resend();
      solo.tick(100);
    }
    expect(refusals(solo).length).toBe(3);
  });

  test("still answers what was answered before", () => {
    const { solo } = full();
    const late = solo.requestBytes({
      client: 1n,
      session: 1,
      request: OP_LAST - 1,
      parent: solo.bus.sent.at(-2)?.reply.context ?? 0n,
      view: 1,
      body: Uint8Array.of(1),
    });
    solo.receive(late);
    solo.settle();
    expect(solo.bus.sent.at(-1)?.reply.op).toBe(OP_LAST);
  });

  test("counts the requests that wait", () => {
    const solo = Solo.serving();
    const clients = Array.from({ length: 7 }, (_, index) => solo.registered(BigInt(1 + index)));
    for (let op = 8; op <= OP_LAST - 6; op += 1) clients[0]?.add(0);
    for (const client of clients) client.send();
    expect(solo.replica.describe()).toContain("prepares=4 requests=2");
    solo.settle();
    expect(solo.replica.state.op).toBe(OP_LAST);
    expect(refusals(solo).length).toBe(1);
  });

  test("has no room for a pulse either, and says nothing of it", () => {
    const { solo } = full();
    solo.machine.pulseAt = 1n;
    solo.tick(200);
    expect(solo.replica.state.op).toBe(OP_LAST);
    expect(refusals(solo)).toEqual([]);
  });

  test("counts a pulse in the pipeline", () => {
    const solo = Solo.serving();
    const client = solo.registered(1n);
    for (let op = 2; op <= OP_LAST - 1; op += 1) client.add(1);
    solo.machine.pulseAt = 1n;
    for (let ticks = 0; ticks < 10; ticks += 1) solo.replica.tick();
    client.send();
    solo.settle();
    expect(solo.journal.headerWithOp(OP_LAST)?.operation).toBe(Operation.pulse);
    expect(solo.replica.state.op).toBe(OP_LAST);
    expect(client.inbox()).toEqual([]);
  });

  test("can be replayed to its last op", () => {
    const { solo } = full();
    const again = solo.restart();
    expect(again.replica.state.commitMin).toBe(OP_LAST);
    expect(again.machine.sum).toBe(OP_LAST - 1);
  });

  test("is refused at the start if it holds an op that needs a checkpoint", () => {
    // Written by a replica that can checkpoint, and stopped before it did.
    const solo = Solo.serving({ checkpoints: true });
    const client = solo.registered(1n);
    for (let op = 2; op <= OP_LAST; op += 1) client.add(1);
    client.send();
    solo.settleUntil(() => solo.replica.state.commitStage === "checkpoint_data");
    const again = new Solo({ storage: solo.storage.restart() });
    again.open();
    expect(() => again.settle()).toThrow("the log ends at op 23, but op 23 needs a checkpoint");
    expect(new Solo({ storage: solo.storage.restart() }).superblock.status).toBe("closed");
  });
});

test("a log that is checkpointed always has room", () => {
  const room = new LogRoom(null, new TestTime(), new RecordingLogger());
  expect(room.allows(1_000_000)).toBe(true);
  expect(() => room.refuse()).toThrow();
});
