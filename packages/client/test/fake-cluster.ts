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
  type HeaderOf,
  type Layout,
  MessageBuffer,
  type MessageBusReceiver,
  MessagePool,
  Random,
  type RecordClass,
  RequestHeader,
  TEST_MIN,
} from "@stagbeetle/vsr-protocol";
import { expect } from "vitest";

import type { Eviction, SessionOptions } from "../src/session.ts";
import { buildMessage, RELEASE } from "./messages.ts";

export const CLUSTER = 7n;
export const CLIENT = 0x0102_0304_0506_0708_090a_0b0c_0d0e_0f10n;
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

  /** A message of this cluster, with right checksums. */
  build<Fields extends Layout>(
    header: RecordClass<Fields>,
    command: Command,
    body: Uint8Array,
    fill: (header: HeaderOf<Fields>) => void,
  ): Uint8Array {
    return buildMessage(header, command, CLUSTER, body, fill);
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
}
