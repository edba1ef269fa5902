import { createKernels, LinearMemory } from "@stagbeetle/kernels";
import { describe, expect, test } from "vitest";
import { replyHeader } from "../../../test/builders.ts";
import { MemoryStorage } from "../../../test/memory-storage.ts";
import { build } from "../../../test/messages.ts";
import { RepairBench, type RepairBenchOptions } from "../../../test/repair-bench.ts";
import { ClientReplies } from "../../clients/replies.ts";
import { ClientSessions } from "../../clients/sessions.ts";
import { Command } from "../../command.ts";
import { recordBytes } from "../../layout.ts";
import { Checksums } from "../../message/checksums.ts";
import { HEADER_SIZE_BYTES } from "../../message/frame.ts";
import { GetReplyHeader } from "../../message/get-reply.ts";
import { MessagePool } from "../../message/pool.ts";
import { ReplyHeader } from "../../message/reply.ts";
import { ReplyRepair } from "./replies.ts";

const CLIENT = 7n;

function replyBytes(client: bigint, op: number, text: string): Uint8Array {
  const body = new TextEncoder().encode(text);
  const bytes = new Uint8Array(HEADER_SIZE_BYTES + body.length);
  bytes.set(recordBytes(replyHeader({ client, op, body })));
  bytes.set(body, HEADER_SIZE_BYTES);
  return bytes;
}

/** A replica with the sessions of some clients. */
class Bench {
  readonly node: RepairBench;
  readonly storage: MemoryStorage;
  readonly sessions: ClientSessions;
  readonly clientReplies: ClientReplies;
  readonly repair: ReplyRepair;
  readonly #pool: MessagePool;

  constructor(options: RepairBenchOptions = {}) {
    const node = new RepairBench(options);
    const memory = new LinearMemory({ sizeBytes: 1 << 18 });
    const { messageSizeMax } = node.config.cluster;
    this.node = node;
    this.storage = new MemoryStorage(node.config);
    this.sessions = new ClientSessions({ config: node.config, memory });
    this.#pool = new MessagePool({ memory, messageSizeMax, messagesMax: 8 });
    this.clientReplies = new ClientReplies({
      config: node.config,
      storage: this.storage,
      sessions: this.sessions,
      messages: this.#pool,
      checksums: new Checksums(createKernels({ memory })),
    });
    this.repair = new ReplyRepair({ ...node.parts, sessions: this.sessions, clientReplies: this.clientReplies });
  }

  /** The client's request was executed here. `lost`: but the disk does not have the reply. */
  execute(client: bigint, op: number, text: string, lost = false): number {
    const bytes = replyBytes(client, op, text);
    const { slot } = this.sessions.insert(op, new ReplyHeader(bytes));
    if (lost) this.clientReplies.markFaulty(slot);
    else if (text !== "") this.write(slot, bytes);
    return slot;
  }

  write(slot: number, bytes: Uint8Array): void {
    const message = this.#pool.acquire();
    message.buffer.set(bytes);
    this.clientReplies.write(slot, message, "commit");
    message.release();
  }

  /** Lets a `get_reply` arrive. The bodies that are answered. */
  answered(fields: { readonly [name: string]: number | bigint }): string[] {
    const message = this.node.received(
      build(GetReplyHeader, { command: Command.getReply, replica: 2, replyClient: CLIENT, replyOp: 5, ...fields }),
    );
    this.repair.onGetReply(message);
    message.release();
    this.storage.run();
    return this.node
      .taken(Command.reply)
      .map(({ bytes }) => new TextDecoder().decode(bytes.subarray(HEADER_SIZE_BYTES)));
  }

  arrive(bytes: Uint8Array): void {
    const message = this.node.received(bytes);
    this.repair.onReply(message);
    message.release();
  }
}

const checksumOf = (bytes: Uint8Array): bigint => new ReplyHeader(bytes).checksum;

describe("a reply that is lost here", () => {
  test("is asked for, the lowest slot first, and nothing is if none is lost", () => {
    const subject = new Bench({ replica: 0, replicaCount: 2 });
    subject.repair.request();
    expect(subject.node.sent).toEqual([]);
    subject.execute(CLIENT, 5, "five", true);
    subject.execute(8n, 6, "six", true);
    subject.repair.request();
    const [sent] = subject.node.taken(Command.getReply);
    expect(sent?.to).toBe(1);
    const { replyClient, replyOp, replyChecksum } = new GetReplyHeader(sent?.bytes ?? new Uint8Array(256));
    expect([replyClient, replyOp, replyChecksum]).toEqual([CLIENT, 5, checksumOf(replyBytes(CLIENT, 5, "five"))]);
  });

  test("is asked of nobody by a replica that is alone", () => {
    const subject = new Bench({ replica: 0, replicaCount: 1 });
    subject.execute(CLIENT, 5, "five", true);
    subject.repair.request();
    expect(subject.node.sent).toEqual([]);
  });

  test("is written when it comes, and not lost any more", () => {
    const subject = new Bench();
    const slot = subject.execute(CLIENT, 5, "five", true);
    subject.arrive(replyBytes(CLIENT, 5, "five"));
    expect([subject.clientReplies.faulty(slot), subject.clientReplies.writing(slot)]).toEqual([false, true]);
    subject.storage.run();
    expect(subject.clientReplies.replyDurable(slot)).toBe(true);
    expect(subject.answered({ replyChecksum: checksumOf(replyBytes(CLIENT, 5, "five")) })).toEqual(["five"]);
  });

  test("is not taken if it is another one, of an unknown client, or of none", () => {
    const subject = new Bench();
    const slot = subject.execute(CLIENT, 5, "five", true);
    for (const [client, op] of [
      [CLIENT, 4],
      [9n, 5],
      [0n, 5],
    ] as const) {
      subject.arrive(replyBytes(client, op, "five"));
    }
    expect([subject.clientReplies.faulty(slot), subject.clientReplies.writesPending]).toEqual([true, 0]);
  });

  test("waits while all writes are busy", () => {
    const subject = new Bench();
    subject.execute(1n, 1, "one");
    subject.execute(2n, 2, "two");
    expect(subject.clientReplies.writeAvailable).toBe(false);
    const slot = subject.execute(CLIENT, 5, "five", true);
    subject.arrive(replyBytes(CLIENT, 5, "five"));
    expect(subject.clientReplies.faulty(slot)).toBe(true);
  });
});

test("a reply that is not lost is not written again", () => {
  const subject = new Bench();
  subject.execute(CLIENT, 5, "five");
  subject.storage.run();
  subject.arrive(replyBytes(CLIENT, 5, "five"));
  expect(subject.clientReplies.writesPending).toBe(0);
});

describe("get_reply", () => {
  const replyChecksum = checksumOf(replyBytes(CLIENT, 5, "five"));

  test("is answered from memory while the reply is being written, and from disk afterwards", () => {
    const subject = new Bench();
    subject.execute(CLIENT, 5, "five");
    expect(subject.answered({ replyChecksum })).toEqual(["five"]);
    expect(subject.clientReplies.writesPending).toBe(0);
    expect(subject.answered({ replyChecksum })).toEqual(["five"]);
  });

  test("is not answered with another reply, to an unknown client, or by a standby", () => {
    const subject = new Bench();
    subject.execute(CLIENT, 5, "five");
    expect(subject.answered({ replyChecksum: 1n })).toEqual([]);
    expect(subject.answered({ replyChecksum, replyClient: 8n })).toEqual([]);
    expect(subject.answered({ replyChecksum, replica: 1 })).toEqual([]);
    const standby = new Bench({ replica: 3, replicaCount: 3 });
    standby.execute(CLIENT, 5, "five");
    expect(standby.answered({ replyChecksum })).toEqual([]);
  });

  test("is not answered for a reply that has no body", () => {
    const subject = new Bench();
    subject.execute(CLIENT, 5, "");
    expect(subject.answered({ replyChecksum: checksumOf(replyBytes(CLIENT, 5, "")) })).toEqual([]);
  });

  test("finds damage, and is not answered then", () => {
    const subject = new Bench();
    const slot = subject.execute(CLIENT, 5, "five", true);
    expect(subject.answered({ replyChecksum })).toEqual([]);
    expect(subject.clientReplies.faulty(slot)).toBe(true);
  });
});
