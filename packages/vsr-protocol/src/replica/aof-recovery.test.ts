import { describe, expect, test } from "vitest";
import { Solo } from "../../test/solo.ts";
import { Operation } from "../operation.ts";

describe("when an AOF is replayed", () => {
  test("the prepare has the timestamp of the request", () => {
    const solo = Solo.serving({ aofRecovery: true });
    const client = solo.client(1n);
    client.register({ timestamp: 1n });
    solo.settle();
    expect(client.take().reply.timestamp).toBe(1n);
    for (const timestamp of [500n, 700n, 2n ** 63n - 1n]) {
      client.send({ timestamp });
      solo.settle();
      expect(client.take().reply.timestamp).toBe(timestamp);
      expect(solo.machine.commitTimestamp).toBe(timestamp);
    }
  });

  test("timestamps may go back, also when the log is replayed", () => {
    const solo = Solo.serving({ aofRecovery: true });
    const client = solo.client(1n);
    client.register({ timestamp: 1000n });
    solo.settle();
    client.take();
    for (let timestamp = 5n; timestamp < 15n; timestamp += 1n) {
      client.send({ timestamp });
      solo.settle();
      expect(client.take().reply.timestamp).toBe(timestamp);
    }
    const again = solo.restart({ aofRecovery: true });
    expect(again.machine.commitTimestamp).toBe(14n);

    const without = new Solo({ storage: solo.storage.restart() });
    without.open();
    expect(() => without.settle()).toThrow("start with --aof-recovery");
  });

  test("a log that ends by going back in time cannot be opened again, which is said in a line", () => {
    const solo = Solo.serving({ aofRecovery: true });
    const client = solo.client(1n);
    client.register({ timestamp: 1000n });
    solo.settle();
    client.take();
    client.send({ timestamp: 5n });
    solo.settle();
    const again = new Solo({ storage: solo.storage.restart(), aofRecovery: true });
    again.open();
    expect(() => again.settle()).toThrow("requests went back in time (entry 1: timestamp 1000 is not below 5)");
  });

  test("a request without a timestamp is dropped, and the operator is told why", () => {
    const solo = Solo.serving({ aofRecovery: true });
    solo.client(1n).register();
    solo.settle();
    expect(solo.replica.state.op).toBe(0);
    expect(solo.logger.lines.at(-1)).toContain("restart without --aof-recovery");
  });

  test("a pulse may come over the network", () => {
    const solo = Solo.serving({ aofRecovery: true });
    solo.receive(
      solo.requestBytes({ client: 0n, operation: Operation.pulse, timestamp: 9n, body: new Uint8Array(0), view: 1 }),
    );
    solo.settle();
    expect(solo.journal.headerWithOp(1)).toMatchObject({ operation: Operation.pulse, client: 0n, timestamp: 9n });
    expect(solo.bus.sent).toEqual([]);
  });

  test("a forged request of client 0 is dropped, not evicted", () => {
    const solo = Solo.serving({ aofRecovery: true });
    solo.receive(
      solo.requestBytes({ client: 0n, operation: Operation.pulse, timestamp: 9n, body: new Uint8Array(0), release: 1 }),
    );
    solo.settle();
    expect(solo.replica.state.op).toBe(0);
    expect(solo.bus.sent).toEqual([]);
  });

  test("the replica can go on without the switch when the timestamps are in order", () => {
    const solo = Solo.serving({ aofRecovery: true });
    const client = solo.client(1n);
    client.register({ timestamp: 1n });
    solo.settle();
    client.take();
    client.send({ timestamp: 500n });
    solo.settle();
    client.take();
    const again = solo.restart();
    expect(client.moveTo(again).add(1).reply.timestamp).toBeGreaterThan(500n);
  });
});

test("every prepare is in the AOF before it is executed", () => {
  const solo = Solo.serving();
  const client = solo.registered(1n);
  const executed = solo.machine.commit.bind(solo.machine);
  solo.machine.commit = (committing, output) => {
    expect(solo.aof.ops.at(-1)).toBe(committing.op);
    return executed(committing, output);
  };
  for (const value of [1, 2, 3]) client.add(value);
  expect(solo.aof.ops).toEqual([1, 2, 3, 4]);
  // A replay writes them again, as the reference does.
  expect(solo.restart().aof.ops).toEqual([1, 2, 3, 4]);
});
