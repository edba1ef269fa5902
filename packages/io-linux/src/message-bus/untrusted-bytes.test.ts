import { propertyRuns } from "@stagbeetle/kernels/testing";
import { Command, HEADER_SIZE_BYTES, type Header, TEST_MIN } from "@stagbeetle/vsr-protocol";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Child } from "../testing/child.ts";
import { OneReplica } from "../testing/one-replica.ts";
import { bodyOf, messageBytes, NO_BODY, RawPeer, request } from "../testing/raw-peer.ts";
import { until } from "../testing/until.ts";

/** Makes the header checksum right again after `change`. */
function changed(change: (header: Header) => void): Uint8Array {
  return messageBytes(Command.request, NO_BODY, change);
}

describe("bytes that make no sense", () => {
  test.each([
    ["a header checksum", () => request(1n).fill(1, 0, 1)],
    ["a body checksum", () => request(1n, bodyOf(100)).fill(0xff, 300, 301)],
    ["a size below a header", () => changed((header) => (header.size = HEADER_SIZE_BYTES - 1))],
    ["a size above a message", () => changed((header) => (header.size = TEST_MIN.cluster.messageSizeMax + 1))],
    ["nothing but zeros", () => new Uint8Array(HEADER_SIZE_BYTES)],
  ])("close the connection without an answer, and only that one: %s", async (_name, bytes) => {
    await using replica = await OneReplica.start();
    const good = await replica.connectAccepted();
    const bad = await replica.connectAccepted();
    bad.send(bytes());
    await until(() => bad.ended);
    expect(bad.received.length).toBe(0);
    expect(replica.inbox.messages).toEqual([]);
    good.send(request(1n));
    await replica.arrived(1);
    await until(() => replica.member.bus.connectionCount === 1);
    expect(good.ended).toBe(false);
  });

  test("take good messages behind them along", async () => {
    await using replica = await OneReplica.start();
    const peer = await replica.connectAccepted();
    peer.send(request(1n).fill(1, 0, 1), request(1n));
    await until(() => peer.ended);
    expect(replica.inbox.messages).toEqual([]);
  });

  test("of any kind never harm the process", async () => {
    await using replica = await OneReplica.start({ clientsLimit: 8 });
    const garbage = fc.uint8Array({ minLength: 1, maxLength: 3000 });
    const damaged = fc
      .tuple(fc.nat(600), fc.nat(HEADER_SIZE_BYTES + 599), fc.integer({ min: 1, max: 255 }))
      .map(([size, at, flip]) => {
        const bytes = request(1n, bodyOf(size));
        const place = at % bytes.length;
        bytes[place] = (bytes[place] ?? 0) ^ flip;
        return bytes;
      });
    await fc.assert(
      fc.asyncProperty(fc.oneof(garbage, damaged), async (bytes) => {
        const peer = await replica.connectAccepted();
        peer.send(bytes);
        peer.socket.end();
        await until(() => peer.ended && replica.member.bus.connectionCount === 0);
      }),
      { numRuns: propertyRuns(100) },
    );
    expect(replica.inbox.messages).toEqual([]);
    const peer = await replica.connectAccepted();
    peer.send(request(1n));
    await replica.arrived(1);
  });

  test("an unknown command under a right checksum ends the process with status 7", async () => {
    await using child = new Child("serve.ts", []);
    const peer = await RawPeer.connect({ family: 4, host: "127.0.0.1", port: Number(await child.line()) });
    peer.send(messageBytes(25, NO_BODY));
    expect(await child.exit()).toEqual({ status: 7, signal: null });
    expect(child.stderr).toMatch(/^error: a peer sent command 25.*\n$/u);
    peer.close();
  });
});
