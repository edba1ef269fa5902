import { TEST_MIN } from "@stagbeetle/vsr-protocol";
import { describe, expect, test } from "vitest";
import { OneReplica } from "../testing/one-replica.ts";
import { bodyOf, ping, pingClient, type RawPeer } from "../testing/raw-peer.ts";
import { until } from "../testing/until.ts";

describe("limits", () => {
  test("of 70 connections 32 stay open and the others are closed without a byte", async () => {
    await using replica = await OneReplica.start({ clientsLimit: 32 });
    const peers = await Promise.all(Array.from({ length: 70 }, () => replica.connect()));
    await until(() => peers.filter((peer) => peer.ended).length === 38);
    expect(replica.member.bus.connectionCount).toBe(32);
    for (const [index, peer] of peers.filter((open) => !open.ended).entries()) peer.send(pingClient(BigInt(index + 1)));
    await replica.arrived(32);
    expect(peers.filter((peer) => peer.ended).every((peer) => peer.received.length === 0)).toBe(true);

    peers.find((peer) => !peer.ended)?.close();
    await until(() => replica.member.bus.connectionCount === 31);
    const late = await replica.connectAccepted();
    late.send(pingClient(99n));
    await replica.arrived(33);
  });

  test("a client that does not read gets as much as was queued, and the rest is dropped", async () => {
    await using replica = await OneReplica.start();
    const peer = await replica.connectAccepted();
    peer.send(pingClient(5n));
    await replica.arrived(1);
    peer.socket.pause();
    const message = replica.message(bodyOf(TEST_MIN.derived.messageBodySizeMax));
    const before = message.references;
    // The kernel takes some megabytes; nothing of it may pile up here.
    for (let index = 0; index < 20_000; index += 1) {
      replica.member.bus.sendMessageToClient(5n, message);
      if (index % 100 === 0) await new Promise((resolve) => setImmediate(resolve));
      expect(message.references - before).toBeLessThanOrEqual(TEST_MIN.derived.connectionSendQueueMaxReplica);
    }
    expect(message.references - before).toBe(TEST_MIN.derived.connectionSendQueueMaxReplica);
    peer.socket.resume();
    await until(() => message.references === before);
    await until(() => peer.received.length % message.header.size === 0);
    const first = peer.received.subarray(0, message.header.size);
    expect(Buffer.compare(first, message.bytes())).toBe(0);
    message.release();
  });

  test("a connection of a client makes room for a replica that has none", async () => {
    await using replica = await OneReplica.start({ clientsLimit: 2, replica: 1, nodeCount: 2 });
    // Its slots are for replica 0, two clients and one more.
    const peers: RawPeer[] = [];
    for (let client = 1; client <= 4; client += 1) {
      const peer = await replica.connectAccepted();
      peer.send(pingClient(BigInt(client)));
      peers.push(peer);
      await replica.arrived(client);
    }
    const other = await replica.connect();
    other.send(ping(0));
    await until(
      () => peers[0]?.ended === true,
      () => replica.member.bus.tick(),
    );
    await until(
      () => replica.inbox.messages.length === 5,
      () => replica.member.bus.tick(),
    );
    expect(peers.map((peer) => peer.ended)).toEqual([true, false, false, false]);
    for (let tick = 0; tick < 100; tick += 1) replica.member.bus.tick();
    expect(replica.member.bus.connectionCount).toBe(4);
  });

  test("a connection that stays unknown for 45 s makes room before clients do", async () => {
    await using replica = await OneReplica.start({ clientsLimit: 2, replica: 1, nodeCount: 2 });
    const client = await replica.connectAccepted();
    client.send(pingClient(1n));
    await replica.arrived(1);
    const silent = [await replica.connectAccepted(), await replica.connectAccepted()];
    for (let tick = 0; tick < 4500; tick += 1) replica.member.bus.tick();
    const another = await replica.connectAccepted();
    another.send(pingClient(2n));
    await replica.arrived(2);
    replica.member.bus.tick();
    await until(() => silent[0]?.ended === true);
    expect([client.ended, silent[1]?.ended, another.ended]).toEqual([false, false, false]);
  });
});
