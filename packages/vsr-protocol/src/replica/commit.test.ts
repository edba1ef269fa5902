import { describe, expect, test } from "vitest";
import { Solo, Tally, type TestClient } from "../../test/solo.ts";
import { Operation } from "../operation.ts";
import type { CommitStage } from "./commit.ts";

describe("an op", () => {
  test("is prefetched, executed and compacted, in this order and before the next one", () => {
    const solo = Solo.serving();
    const clients = [1n, 2n].map((id) => solo.registered(id));
    solo.machine.calls.length = 0;
    for (const client of clients) client.send();
    solo.settle();
    expect(solo.machine.calls).toEqual([
      "prefetch 3@3",
      "commit 3",
      "compact 3",
      "prefetch 4@4",
      "commit 4",
      "compact 4",
    ]);
  });

  test("of the protocol itself is compacted but not shown to the state machine", () => {
    const solo = Solo.serving();
    const client = solo.registered(1n);
    client.send({ operation: Operation.noop, body: new Uint8Array(0) });
    solo.settle();
    expect(solo.machine.calls).toEqual(["open", "compact 1", "compact 2"]);
  });

  test("is answered before it is compacted", () => {
    const solo = Solo.serving();
    const client = solo.registered(1n);
    client.send();
    solo.settleUntil(() => solo.replica.state.commitStage === "compact");
    expect(client.take().reply.op).toBe(2);
  });

  test("goes through the stages in the order of spec 03 §16", () => {
    const solo = Solo.serving();
    const client = solo.registered(1n);
    const seen: CommitStage[] = [];
    client.send();
    while (solo.storage.step()) {
      const { commitStage } = solo.replica.state;
      if (commitStage !== seen.at(-1)) seen.push(commitStage);
    }
    // Those that wait can be seen from outside.
    expect(seen).toEqual(["prefetch", "compact", "idle"]);
  });

  test("while it is executed, the next prepare is being written", () => {
    const solo = Solo.serving();
    const clients = [1n, 2n].map((id) => solo.registered(id));
    for (const client of clients) client.send();
    solo.settleUntil(() => solo.replica.state.commitStage === "compact");
    expect(solo.journal.writesPending).toBe(1);
  });
});

describe("with a state machine that writes checkpoints", () => {
  function running(): { readonly solo: Solo; readonly client: TestClient } {
    const solo = Solo.serving({ checkpoints: true });
    return { solo, client: solo.registered(1n) };
  }

  function runTo(client: TestClient, solo: Solo, op: number): void {
    while (solo.replica.state.op < op) client.add(1);
  }

  test("checkpoints are written at their trigger and become durable a pipeline later", () => {
    const { solo, client } = running();
    const seen: string[] = [];
    let calls = solo.checkpointCalls.length;
    for (const call of solo.checkpointCalls) if (call === "grid durable") seen.push("durable 1");
    while (solo.replica.state.op < 50) {
      client.add(1);
      const { op } = solo.replica.state;
      for (const call of solo.checkpointCalls.slice(calls)) {
        if (call === "grid durable") seen.push(`durable ${op}`);
        if (call === "grid checkpoint") seen.push(`data ${op}`);
        if (call === "grid not durable") seen.push(`superblock ${op}`);
      }
      calls = solo.checkpointCalls.length;
    }
    expect(seen).toEqual([
      "durable 1",
      "data 23",
      "superblock 23",
      "durable 28",
      "data 43",
      "superblock 43",
      "durable 48",
    ]);
    expect(solo.replica.state).toMatchObject({ opCheckpoint: 39, commitMin: 50, op: 50 });
  });

  test("the log goes round, and the replica goes on", () => {
    const { solo, client } = running();
    runTo(client, solo, 100);
    expect(client.add(1).tally.count).toBe(100);
    expect(solo.journal.opMaximum()).toBe(101);
  });

  test("each prepare carries the id of the checkpoint two steps before its own", () => {
    const { solo, client } = running();
    const root = solo.superblock.checkpointIds.id;
    runTo(client, solo, 23);
    const first = solo.superblock.checkpointIds.id;
    runTo(client, solo, 31);
    const ids = (from: number, to: number): bigint[] =>
      Array.from({ length: to - from + 1 }, (_, index) => solo.journal.headerWithOp(from + index)?.checkpointId ?? -1n);
    expect(new Set(ids(1, 19))).toEqual(new Set([0n]));
    expect(new Set(ids(20, 31))).toEqual(new Set([root]));
    runTo(client, solo, 45);
    expect(new Set(ids(32, 39))).toEqual(new Set([root]));
    expect(new Set(ids(40, 45))).toEqual(new Set([first]));
  });

  test("no request waits for more than the checkpoint", () => {
    const { solo, client } = running();
    runTo(client, solo, 22);
    const others = [2n, 3n, 4n].map((id) => solo.client(id));
    for (const other of others) other.register();
    client.send();
    solo.settle();
    expect(others.map((other) => other.take().reply.operation)).toEqual([2, 2, 2]);
    expect(client.take().reply.operation).toBe(Tally.add);
    expect(solo.replica.state.op).toBe(26);
  });

  test("view headers on disk stay those of the start", () => {
    const { solo, client } = running();
    const before = solo.superblock.working.viewHeaders().map(({ op }) => op);
    runTo(client, solo, 30);
    expect(solo.superblock.working.checkpointHeader.op).toBe(19);
    expect(solo.superblock.working.viewHeaders().map(({ op }) => op)).toEqual(before);
  });
});
