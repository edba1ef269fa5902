import { propertyRuns } from "@stagbeetle/kernels/testing";
import { HEADER_SIZE_BYTES, TEST_MIN } from "@stagbeetle/vsr-protocol";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { OneReplica } from "../testing/one-replica.ts";
import { bodyOf, NO_BODY, pingClient, request } from "../testing/raw-peer.ts";
import { until } from "../testing/until.ts";

describe("back-pressure", () => {
  test("a connection with a suspended message is not read from until it is resumed", async () => {
    await using replica = await OneReplica.start();
    const peer = await replica.connectAccepted();
    replica.inbox.suspending = true;
    const total = 4000;
    const sent = Array.from({ length: total }, (_, index) => request(1n, bodyOf(3000), index));
    let written = false;
    peer.socket.write(Buffer.concat(sent), () => (written = true));
    await until(() => replica.inbox.offered > 0);
    for (let turn = 0; turn < 100; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    const { offered } = replica.inbox;
    expect(offered).toBeLessThanOrEqual(TEST_MIN.cluster.messageSizeMax / HEADER_SIZE_BYTES);
    expect(written).toBe(false);

    // Asked for in vain: everything stays as it is.
    replica.member.bus.resumeReceive();
    await until(() => replica.inbox.offered > offered);
    expect(replica.inbox.messages).toEqual([]);

    replica.inbox.suspending = false;
    replica.member.bus.resumeReceive();
    await replica.arrived(total);
    expect(replica.inbox.requestNumbers()).toEqual(Array.from({ length: total }, (_, index) => index));
  });

  test("other connections go on", async () => {
    await using replica = await OneReplica.start();
    const [slow, fast] = [await replica.connectAccepted(), await replica.connectAccepted()];
    replica.inbox.suspending = true;
    slow.send(request(1n, NO_BODY, 1));
    await until(() => replica.inbox.offered === 1);
    replica.inbox.suspending = false;
    fast.send(request(2n, NO_BODY, 2));
    await replica.arrived(1);
    expect(replica.inbox.requestNumbers()).toEqual([2]);
    replica.member.bus.resumeReceive();
    await replica.arrived(2);
    expect(replica.inbox.requestNumbers()).toEqual([2, 1]);
  });

  test("suspending now and then changes neither messages nor their order", async () => {
    await using replica = await OneReplica.start();
    const peer = await replica.connectAccepted();
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 0, max: TEST_MIN.derived.messageBodySizeMax }), { minLength: 1, maxLength: 30 }),
        fc.array(fc.boolean(), { minLength: 1, maxLength: 8 }),
        async (bodySizes, suspensions) => {
          replica.inbox.messages.length = 0;
          const sent = bodySizes.map((size, index) => request(1n, bodyOf(size, index), index));
          peer.send(...sent);
          let turn = 0;
          await until(
            () => replica.inbox.messages.length === sent.length,
            () => {
              turn += 1;
              replica.inbox.suspending = suspensions[turn % suspensions.length] === true && turn < 50;
              replica.member.bus.resumeReceive();
            },
          );
          expect(replica.inbox.messages).toEqual(sent);
        },
      ),
      { numRuns: propertyRuns(25) },
    );
  });

  test("a suspended message of a connection that was replaced is not lost", async () => {
    await using replica = await OneReplica.start();
    const first = await replica.connectAccepted();
    first.send(pingClient(5n));
    await replica.arrived(1);
    replica.inbox.suspending = true;
    first.send(request(5n, NO_BODY, 77));
    await until(() => replica.inbox.offered === 2);
    const second = await replica.connectAccepted();
    second.send(pingClient(5n));
    await until(() => first.ended);
    expect(replica.member.bus.connectionCount).toBe(2);
    replica.inbox.suspending = false;
    replica.member.bus.resumeReceive();
    await replica.arrived(3);
    expect(replica.inbox.requestNumbers()).toContain(77);
    await until(() => replica.member.bus.connectionCount === 1);
    expect(second.ended).toBe(false);
  });
});
