import { exponentialBackoffWithJitter, Random, TEST_MIN } from "@stagbeetle/vsr-protocol";
import { describe, expect, test } from "vitest";
import { Inbox } from "../testing/inbox.ts";
import { createMember, Network } from "../testing/network.ts";
import { OneReplica } from "../testing/one-replica.ts";
import { PlainServer } from "../testing/plain-server.ts";
import { NO_BODY, ping, pingClient } from "../testing/raw-peer.ts";
import { until } from "../testing/until.ts";

describe("dialling", () => {
  test("waits for nothing at first, longer after each attempt that brought no data, and little after one that did", async () => {
    let connections = 0;
    let talkative = false;
    using server = await PlainServer.start((socket) => {
      connections += 1;
      socket.end(talkative ? ping(0) : NO_BODY);
    });
    const { bus, pool } = createMember({ kind: "client" }, [server.address], new Inbox(), { config: TEST_MIN });
    const { connectionDelayMinMs: min, connectionDelayMaxMs: max, tickMs } = TEST_MIN.process;
    // The same draws as those of the bus.
    const random = new Random(42);
    const attempt = async (attempts: number | "first"): Promise<void> => {
      const before = connections;
      const delayMs = attempts === "first" ? 0 : exponentialBackoffWithJitter(random, min, max, attempts);
      const delayTicks = Math.ceil(delayMs / tickMs);
      for (let tick = 0; tick < delayTicks; tick += 1) bus.tick();
      await new Promise((resolve) => setImmediate(resolve));
      expect(connections).toBe(before);
      bus.tick();
      await until(() => connections === before + 1 && bus.connectionCount === 0);
    };
    await attempt("first");
    for (let attempts = 1; attempts < 8; attempts += 1) await attempt(attempts);
    talkative = true;
    await attempt(8);
    talkative = false;
    for (let attempts = 0; attempts < 3; attempts += 1) await attempt(attempts);
    await bus.close();
    expect(pool.available).toBe(pool.messagesMax);
  });

  test("goes only to replicas with a higher index", async () => {
    const inboxes = [new Inbox(), new Inbox(), new Inbox()];
    const network = await Network.start(inboxes);
    await network.until(() => network.replicas.every(({ bus }) => bus.connectionCount === 2));
    for (let tick = 0; tick < 20; tick += 1) network.tick();
    expect(network.replicas.map(({ bus }) => bus.connectionCount)).toEqual([2, 2, 2]);
    await network.close();
  });

  test("finds a replica that was restarted", async () => {
    const inbox = new Inbox();
    const network = await Network.start([inbox]);
    const client = network.addClient(new Inbox());
    const reach = async (receiver: Inbox, each: () => void): Promise<void> => {
      const before = receiver.messages.length;
      await until(
        () => receiver.messages.length > before,
        () => {
          each();
          const message = client.pool.acquire();
          message.buffer.set(pingClient(5n));
          client.bus.sendMessageToReplica(0, message);
          message.release();
        },
      );
    };
    await reach(inbox, () => network.tick());
    const [first] = network.replicas;
    if (first === undefined) throw new Error("there is no replica");
    await network.closeMember(first);
    const successorInbox = new Inbox();
    const role = { kind: "replica", replica: 0, clientsLimit: 8 } as const;
    const successor = createMember(role, network.addresses, successorInbox);
    await successor.bus.listen();
    await reach(successorInbox, () => {
      network.tick();
      successor.bus.tick();
    });
    await successor.bus.close();
    await network.close();
  });

  test("messages that are sent while it lasts arrive when it is done", async () => {
    const inbox = new Inbox();
    const network = await Network.start([inbox]);
    const client = network.addClient(new Inbox());
    client.bus.tick();
    const message = client.pool.acquire();
    message.buffer.set(pingClient(5n));
    // One more than a client's queue holds.
    for (let index = 0; index < 3; index += 1) client.bus.sendMessageToReplica(0, message);
    expect(message.references).toBe(3);
    await network.until(() => inbox.messages.length === 2);
    await network.until(() => message.references === 1);
    message.release();
    await network.close();
  });
});

test("messages for a replica that is never reached are given back", async () => {
  await using replica = await OneReplica.start();
  await replica.close();
  // Nobody listens there any more.
  const { bus, pool } = createMember({ kind: "client" }, [replica.address], new Inbox());
  bus.tick();
  const message = pool.acquire();
  message.buffer.set(pingClient(5n));
  bus.sendMessageToReplica(0, message);
  expect(message.references).toBe(2);
  await until(
    () => message.references === 1,
    () => bus.tick(),
  );
  message.release();
  await bus.close();
  expect(pool.available).toBe(pool.messagesMax);
});
