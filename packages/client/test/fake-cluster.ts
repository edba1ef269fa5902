/**
 * The other side of a session, for tests: keeps what was sent, and says what it is told to say.
 *
 * @module
 */
import { LinearMemory } from "@stagbeetle/kernels";
import {
  Checksums,
  Command,
  type Config,
  EvictionHeader,
  type EvictionReason,
  Header,
  HEADER_SIZE_BYTES,
  type HeaderOf,
  initHeader,
  type Layout,
  MessageBuffer,
  type MessageBusReceiver,
  MessagePool,
  Random,
  type RecordClass,
  REGISTER_RESULT_SIZE_BYTES,
  RegisterResult,
  releaseOf,
  ReplyHeader,
  RequestHeader,
  TEST_MIN,
} from "@stagbeetle/vsr-protocol";
import { expect } from "vitest";

import type { Eviction, SessionOptions } from "../src/session.ts";

export const CLUSTER = 7n;
export const CLIENT = 0x0102_0304_0506_0708_090a_0b0c_0d0e_0f10n;
export const RELEASE: number = releaseOf(0, 17, 9);
export const MESSAGES_MAX = 8;

/** The kernels' tables, with room for alignment. */
const MEMORY_BESIDE_MESSAGES_BYTES = 65_536 + 4096;

/** A message that left the client. */
export interface Sent {
  readonly replica: number;
  readonly bytes: Uint8Array;
}

/** What a session is connected to. */
export class FakeCluster {
  readonly config: Config;
  readonly pool: MessagePool;
  readonly checksums: Checksums = new Checksums();
  readonly evictions: Eviction[] = [];
  sent: Sent[] = [];
  nowNs = 1_000_000_000n;

  constructor(config: Config = TEST_MIN) {
    this.config = config;
    const { messageSizeMax } = config.cluster;
    const sizeBytes = MESSAGES_MAX * messageSizeMax + MEMORY_BESIDE_MESSAGES_BYTES;
    const memory = new LinearMemory({ sizeBytes, shared: false });
    this.pool = new MessagePool({ memory, messageSizeMax, messagesMax: MESSAGES_MAX });
  }

  /** What a session of this cluster is made with. */
  options(options: Partial<SessionOptions> = {}): SessionOptions {
    return {
      config: this.config,
      pool: this.pool,
      checksums: this.checksums,
      bus: {
        tick: () => undefined,
        sendMessageToReplica: (replica, message) => this.sent.push({ replica, bytes: message.bytes().slice() }),
        sendMessageToClient: () => expect.fail("a client does not send to clients"),
        resumeReceive: () => undefined,
      },
      time: { monotonic: () => this.nowNs, realtime: () => this.nowNs },
      random: new Random(1),
      cluster: CLUSTER,
      client: CLIENT,
      replicaCount: 1,
      release: RELEASE,
      onEviction: (eviction) => this.evictions.push(eviction),
      ...options,
    };
  }

  /** A message with right checksums. */
  build<Fields extends Layout>(
    header: RecordClass<Fields>,
    command: Command,
    body: Uint8Array,
    fill: (header: HeaderOf<Fields>) => void,
  ): Uint8Array {
    const bytes = new Uint8Array(HEADER_SIZE_BYTES + body.length);
    const record = new header(bytes) as HeaderOf<Fields>;
    initHeader(record, command, CLUSTER);
    const frame = new Header(bytes);
    frame.size = bytes.length;
    frame.release = RELEASE;
    fill(record);
    bytes.set(body, HEADER_SIZE_BYTES);
    this.checksums.setBody(record, body);
    this.checksums.set(record);
    return bytes;
  }

  /** Brings a message to the client. */
  deliver(receiver: MessageBusReceiver, bytes: Uint8Array): MessageBuffer {
    const buffer = new MessageBuffer(this.pool, this.checksums);
    buffer.receive(bytes);
    receiver.onMessages(buffer);
    return buffer;
  }

  /** As above, on a connection that ends. */
  answer(receiver: MessageBusReceiver, bytes: Uint8Array): void {
    this.deliver(receiver, bytes).close();
  }

  lastRequest(): RequestHeader {
    const requests = this.sent
      .map(({ bytes }) => new RequestHeader(bytes))
      .filter(({ command }) => command === Command.request);
    return requests.at(-1) ?? expect.fail("no request was sent");
  }

  replyTo(request: RequestHeader, body: Uint8Array, fill: (reply: ReplyHeader) => void = () => undefined): Uint8Array {
    return this.build(ReplyHeader, Command.reply, body, (reply) => {
      reply.view = 1;
      reply.requestChecksum = request.checksum;
      reply.context = request.checksum ^ 0xffn;
      reply.client = request.client;
      reply.op = 2 + request.request;
      reply.commit = 2 + request.request;
      reply.timestamp = 5_000n;
      reply.request = request.request;
      reply.operation = request.operation;
      fill(reply);
    });
  }

  eviction(reason: EvictionReason): Uint8Array {
    return this.build(EvictionHeader, Command.eviction, new Uint8Array(0), (header) => {
      header.view = 1;
      header.client = CLIENT;
      header.reason = reason;
    });
  }
}

/** What a registration is answered with. */
export function registerResult(batchSizeLimit: number): Uint8Array {
  const body = new Uint8Array(REGISTER_RESULT_SIZE_BYTES);
  new RegisterResult(body).batchSizeLimit = batchSizeLimit;
  return body;
}
