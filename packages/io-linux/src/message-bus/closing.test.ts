import { AssertionError } from "@stagbeetle/kernels";
import { describe, expect, test } from "vitest";
import { Inbox } from "../testing/inbox.ts";
import { createMember } from "../testing/network.ts";
import { OneReplica } from "../testing/one-replica.ts";
import { request } from "../testing/raw-peer.ts";
import { until } from "../testing/until.ts";

test("a connection that fails is logged with the address that it led to", async () => {
  const failures: unknown[] = [];
  const log = (_: string, message: string, fields: unknown): void => {
    if (message === "the connection failed") failures.push(fields);
  };
  await using replica = await OneReplica.start({ logger: { enabled: () => true, log } });
  const peer = await replica.connectAccepted();
  peer.socket.resetAndDestroy();
  await until(() => failures.length > 0);
  expect(failures).toEqual([
    { connection: 0, peer: "unknown", address: "127.0.0.1", reason: expect.stringContaining("ECONNRESET") as string },
  ]);
});

describe("closing", () => {
  test("ends all connections, those with suspended messages too, and gives every message back", async () => {
    await using replica = await OneReplica.start();
    const [idle, suspended] = [await replica.connectAccepted(), await replica.connectAccepted()];
    replica.inbox.suspending = true;
    suspended.send(request(1n));
    await until(() => replica.inbox.offered === 1);
    await replica.close();
    await until(() => idle.ended && suspended.ended);
    const { bus } = createMember({ kind: "replica", replica: 0, clientsLimit: 1 }, [replica.address], new Inbox());
    await bus.listen();
    await bus.close();
  });

  test("a closed bus does nothing any more", async () => {
    await using replica = await OneReplica.start();
    await replica.close();
    replica.member.bus.tick();
    expect(replica.member.bus.connectionCount).toBe(0);
    await expect(replica.member.bus.close()).rejects.toThrow(AssertionError);
  });
});
