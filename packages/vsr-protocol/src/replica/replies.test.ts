import { describe, expect, test } from "vitest";
import { RELEASE_NOW, Solo, Tally } from "../../test/solo.ts";
import { Command } from "../command.ts";
import { invalidHeader } from "../message/invalid.ts";
import { ReplyHeader } from "../message/reply.ts";
import { RequestHeader } from "../message/request.ts";
import { zoneStart } from "../zone.ts";

/** Where the reply of the client in the slot is stored. */
const slotStart = ({ config }: Solo, slot: number): number =>
  zoneStart(config, "clientReplies") + slot * config.cluster.messageSizeMax;

describe("a reply", () => {
  test("has every field of spec 01 §4.12", () => {
    const solo = Solo.serving();
    const client = solo.registered(7n);
    client.send({ body: Uint8Array.of(5) });
    const request = new RequestHeader(client.inFlight ?? new Uint8Array(256));
    solo.settle();
    const { reply, body, bytes } = client.take();
    expect(invalidHeader(reply, solo.config)).toBeNull();
    expect(reply).toMatchObject({
      cluster: 0n,
      size: 264,
      view: 1,
      release: RELEASE_NOW,
      command: Command.reply,
      replica: 0,
      requestChecksum: request.checksum,
      client: 7n,
      op: 2,
      commit: 2,
      timestamp: solo.journal.headerWithOp(2)?.timestamp,
      request: 1,
      operation: Tally.add,
    });
    expect(solo.checksums.valid(reply) && solo.checksums.validBody(reply, body)).toBe(true);
    const withoutContext = new ReplyHeader(bytes.slice());
    withoutContext.context = 0n;
    expect(reply.context).toBe(solo.checksums.ofHeader(withoutContext));
  });

  test("is stored in the client's slot as it was sent, padded with zeros", () => {
    const solo = Solo.serving();
    solo.registered(1n);
    const second = solo.registered(2n);
    second.send({ body: new Uint8Array(900).fill(7) });
    solo.settle();
    const { bytes } = second.take();
    const stored = solo.storage.read(slotStart(solo, 1), 4096);
    expect(stored.subarray(0, bytes.length)).toEqual(bytes);
    expect(stored.subarray(bytes.length).every((byte) => byte === 0)).toBe(true);
  });

  test("without a body is not stored, and still found again", () => {
    const solo = Solo.serving();
    const client = solo.registered(1n);
    const before = solo.storage.read(slotStart(solo, 0), 4096);
    client.send({ operation: Tally.addSilently });
    solo.settle();
    const [first] = client.inbox();
    expect(solo.storage.read(slotStart(solo, 0), 4096)).toEqual(before);
    client.resend();
    solo.settle();
    expect(client.inbox()[0]?.bytes).toEqual(first?.bytes);
    expect(solo.machine.count).toBe(1);
  });
});

describe("a request that is sent again gets the same reply", () => {
  test("from memory while it is being written", () => {
    const solo = Solo.serving();
    const client = solo.registered(1n);
    client.send({ body: Uint8Array.of(3) });
    solo.settleUntil(() => solo.bus.sent.length === 2);
    client.resend();
    expect(solo.storage.log.filter((line) => line.startsWith("read clientReplies"))).toEqual([]);
    const [first, second] = client.inbox();
    expect(second?.bytes).toEqual(first?.bytes);
    expect(solo.machine.count).toBe(1);
  });

  test("from disk afterwards", () => {
    const solo = Solo.serving();
    const client = solo.registered(1n);
    client.send({ body: Uint8Array.of(3) });
    solo.settle();
    client.resend();
    solo.settle();
    expect(solo.storage.log.filter((line) => line.startsWith("read clientReplies")).length).toBe(1);
    const [first, second] = client.inbox();
    expect(second?.bytes).toEqual(first?.bytes);
    expect(solo.machine.count).toBe(1);
  });

  test("after a restart, in the newer view and with the same context", () => {
    const solo = Solo.serving();
    const client = solo.registered(1n);
    client.send({ body: Uint8Array.of(3) });
    solo.settle();
    const [first] = client.inbox();
    const again = solo.restart();
    client.moveTo(again).resend();
    again.settle();
    const [second] = client.inbox();
    expect(first?.reply.view).toBe(1);
    expect(second?.reply.view).toBe(2);
    expect(second?.reply.context).toBe(first?.reply.context);
    expect(second?.body).toEqual(first?.body);
    expect(second !== undefined && again.checksums.valid(second.reply)).toBe(true);
    expect(again.machine.count).toBe(1);
    // What is stored stays as it was.
    expect(again.storage.read(slotStart(again, 0), 264)).toEqual(first?.bytes);
    if (second !== undefined) client.accept(second);
    expect(client.add(4).tally).toEqual({ count: 2, sum: 7 });
  });

  test("only once at a time from disk: a retry that finds the read busy is dropped", () => {
    const solo = Solo.serving();
    const [one, two] = [solo.registered(1n), solo.registered(2n)];
    for (const client of [one, two]) client.send();
    solo.settle();
    for (const client of [one, two]) client.inbox();
    one.resend();
    two.resend();
    solo.settle();
    expect(one.inbox().length).toBe(1);
    expect(two.inbox().length).toBe(0);
    two.resend();
    solo.settle();
    expect(two.inbox().length).toBe(1);
  });

  test("unless the disk lost it: then there is silence, and the operator is told", () => {
    const solo = Solo.serving();
    const [one, two] = [solo.registered(1n), solo.registered(2n)];
    for (const client of [one, two]) client.send();
    solo.settle();
    for (const client of [one, two]) client.inbox();
    solo.storage.write(slotStart(solo, 0) + 260, Uint8Array.of(0xee));
    one.resend();
    solo.settle();
    expect(one.inbox()).toEqual([]);
    expect(solo.logger.lines.join("\n")).toContain("the stored reply of a client is damaged");
    expect(solo.messagesHeld).toBe(1);
    two.resend();
    solo.settle();
    expect(two.inbox().length).toBe(1);
  });
});

test("an op waits for room for its reply when all replies are still being written", () => {
  const solo = Solo.serving();
  const clients = [1n, 2n, 3n, 4n].map((id) => solo.registered(id));
  const held: (() => void)[] = [];
  const { storage } = solo;
  const write = storage.writeSectors.bind(storage);
  storage.writeSectors = (request, zone, offset, buffer) => {
    if (zone === "clientReplies") held.push(() => write(request, zone, offset, buffer));
    else write(request, zone, offset, buffer);
  };
  for (const client of clients) client.send();
  solo.settle();
  expect(solo.replica.state.commitStage).toBe("reply_setup");
  expect(solo.machine.count).toBe(2);
  held.shift()?.();
  solo.settle();
  expect(solo.machine.count).toBe(3);
  while (held.length > 0) {
    held.shift()?.();
    solo.settle();
  }
  expect(clients.map((client) => client.take().tally.count)).toEqual([1, 2, 3, 4]);
});
