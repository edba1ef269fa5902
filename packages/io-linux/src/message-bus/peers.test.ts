import { Command, HEADER_SIZE_BYTES } from "@stagbeetle/vsr-protocol";
import { describe, expect, test } from "vitest";
import { OneReplica } from "../testing/one-replica.ts";
import { bodyOf, messageBytes, NO_BODY, ping, pingClient, request } from "../testing/raw-peer.ts";
import { until } from "../testing/until.ts";

describe("who is at the other end", () => {
  test("a client is reached once it pinged, and the bytes are those of the message", async () => {
    await using replica = await OneReplica.start();
    const peer = await replica.connectAccepted();
    peer.send(pingClient(5n));
    await replica.arrived(1);
    replica.sendToClient(5n, bodyOf(700));
    const expected = messageBytes(Command.pongClient, bodyOf(700));
    await until(() => peer.received.length >= expected.length);
    expect(Buffer.compare(peer.received, expected)).toBe(0);
  });

  test("a client is reached once it sent a request", async () => {
    await using replica = await OneReplica.start();
    const peer = await replica.connectAccepted();
    peer.send(request(5n));
    await replica.arrived(1);
    replica.sendToClient(5n);
    await until(() => peer.received.length === HEADER_SIZE_BYTES);
  });

  test("a second connection that pings as the same client takes over and closes the first", async () => {
    await using replica = await OneReplica.start();
    const first = await replica.connectAccepted();
    first.send(pingClient(5n));
    await replica.arrived(1);
    const second = await replica.connectAccepted();
    second.send(pingClient(5n));
    await until(() => first.ended);
    await replica.arrived(2);
    replica.sendToClient(5n);
    await until(() => second.received.length === HEADER_SIZE_BYTES);
    // The closed one must not have unregistered its successor.
    await until(() => replica.member.bus.connectionCount === 1);
    replica.sendToClient(5n);
    await until(() => second.received.length === 2 * HEADER_SIZE_BYTES);
  });

  test("a second connection that only sends requests of the same client takes nothing over", async () => {
    await using replica = await OneReplica.start();
    const first = await replica.connectAccepted();
    first.send(request(5n));
    await replica.arrived(1);
    const second = await replica.connectAccepted();
    second.send(request(5n));
    await replica.arrived(2);
    replica.sendToClient(5n);
    await until(() => first.received.length === HEADER_SIZE_BYTES);
    expect(second.received.length).toBe(0);
    expect([first.ended, second.ended]).toEqual([false, false]);
  });

  test("is counted by what the bus has learned of it", async () => {
    await using replica = await OneReplica.start();
    const { bus } = replica.member;
    const kinds = ["unknown", "replica", "client", "clientLikely"] as const;
    const counts = (): readonly number[] => kinds.map((kind) => bus.connectedCount(kind));
    await replica.connectAccepted();
    (await replica.connectAccepted()).send(pingClient(5n));
    (await replica.connectAccepted()).send(request(6n));
    await replica.arrived(2);
    expect(counts()).toEqual([1, 0, 1, 1]);
    expect(bus.connectionCount).toBeLessThanOrEqual(bus.connectionsMax);
    replica.peers[1]?.close();
    await until(() => bus.connectionCount === 2);
    expect(counts()).toEqual([1, 0, 0, 1]);
  });

  test("a connection that is lost leads to nobody", async () => {
    await using replica = await OneReplica.start();
    const peer = await replica.connectAccepted();
    peer.send(pingClient(5n));
    await replica.arrived(1);
    peer.close();
    await until(() => replica.member.bus.connectionCount === 0);
    replica.sendToClient(5n);
    expect(replica.member.pool.available).toBe(replica.member.pool.messagesMax);
  });

  test.each([
    ["two clients that ping", [pingClient(5n), pingClient(6n)]],
    ["a client that pings and another's request", [pingClient(5n), request(6n)]],
    ["a client that pings and a replica", [pingClient(5n), ping(1)]],
    ["a replica and a client that pings", [ping(1), pingClient(5n)]],
    ["two replicas", [ping(1), ping(2)]],
    ["a replica beyond the addresses", [ping(3)]],
    ["the replica itself", [ping(0)]],
    ["a request and the ping of another client", [request(5n), pingClient(6n)]],
  ])("%s on one connection close it", async (_name, messages) => {
    await using replica = await OneReplica.start({ nodeCount: 3 });
    const peer = await replica.connectAccepted();
    peer.send(...messages);
    await until(() => peer.ended);
  });

  test.each([
    ["requests of two clients, as a backup forwards them", [request(5n), request(6n)]],
    ["a request and then a replica", [request(5n), ping(1)]],
    ["a request and the ping of the same client", [request(5n), pingClient(5n)]],
    ["a replica that forwards a request", [ping(1), request(5n)]],
    ["a replica that sends a prepare of somebody else", [ping(1), messageBytes(Command.prepare, NO_BODY)]],
  ])("%s on one connection are fine", async (_name, messages) => {
    await using replica = await OneReplica.start({ nodeCount: 3 });
    const peer = await replica.connectAccepted();
    peer.send(...messages);
    await replica.arrived(messages.length);
    expect(peer.ended).toBe(false);
  });

  test("a request that turns out to come from a replica no longer leads to the client", async () => {
    await using replica = await OneReplica.start({ nodeCount: 3 });
    const backup = await replica.connectAccepted();
    backup.send(request(5n), ping(1));
    await replica.arrived(2);
    replica.sendToClient(5n);
    const direct = await replica.connectAccepted();
    direct.send(request(5n));
    await replica.arrived(3);
    replica.sendToClient(5n);
    await until(() => direct.received.length === HEADER_SIZE_BYTES);
    expect(backup.received.length).toBe(0);
  });
});
