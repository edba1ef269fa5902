import { propertyRuns } from "@stagbeetle/kernels/testing";
import { TEST_MIN } from "@stagbeetle/vsr-protocol";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { OneReplica } from "../testing/one-replica.ts";
import { bodyOf, request } from "../testing/raw-peer.ts";

describe("framing", () => {
  test("messages arrive whole and in order, however the stream is cut", async () => {
    await using replica = await OneReplica.start();
    const peer = await replica.connectAccepted();
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 0, max: TEST_MIN.derived.messageBodySizeMax }), { minLength: 1, maxLength: 12 }),
        fc.array(fc.integer({ min: 1, max: 9000 }), { minLength: 1, maxLength: 20 }),
        async (bodySizes, cuts) => {
          replica.inbox.messages.length = 0;
          const sent = bodySizes.map((size, index) => request(1n, bodyOf(size, index), index));
          const stream = Buffer.concat(sent);
          for (let at = 0, cut = 0; at < stream.length; cut += 1) {
            const end = Math.min(stream.length, at + (cuts[cut % cuts.length] ?? 1));
            await new Promise((resolve) => peer.socket.write(stream.subarray(at, end), resolve));
            at = end;
          }
          await replica.arrived(sent.length);
          expect(replica.inbox.messages).toEqual(sent);
        },
      ),
      { numRuns: propertyRuns(25) },
    );
  });

  test("a message that comes byte by byte arrives", async () => {
    await using replica = await OneReplica.start();
    const peer = await replica.connectAccepted();
    const message = request(1n, bodyOf(40));
    for (const byte of message) await new Promise((resolve) => peer.socket.write(Uint8Array.of(byte), resolve));
    await replica.arrived(1);
    expect(replica.inbox.messages).toEqual([message]);
  });
});
