/**
 * A simulated client: a session that makes requests one after the other, and asks again for what it knows.
 *
 * @module
 */
import { Session } from "@stagbeetle/client";
import { assert } from "@stagbeetle/kernels";
import {
  type Checksums,
  Command,
  type Config,
  type EvictionReason,
  Header,
  type MessageBuffer,
  type MessageBusReceiver,
  type MessagePool,
  Random,
  type Release,
  ReplyHeader,
  type Time,
} from "@stagbeetle/vsr-protocol";

import type { Packet } from "../network/endpoint.ts";
import type { SimulatedMessageBus } from "../network/message-bus.ts";
import type { SimulatedNetwork } from "../network/network.ts";
import type { WorkloadRequest } from "../workload/workload.ts";

/** What a client is made of. */
export interface SimulatedClientOptions {
  readonly config: Config;
  readonly network: SimulatedNetwork;
  readonly pool: MessagePool;
  readonly checksums: Checksums;
  readonly time: Time;
  readonly cluster: bigint;
  readonly client: bigint;
  readonly replicaCount: number;
  readonly release: Release;
}

/** Waiting to register, registering, waiting for an answer, asking again for one it had, or ready for a request. */
export type SimulatedClientState = "new" | "busy" | "probing" | "idle" | "evicted";

/** After so many ticks a request that asks again is sent once more. */
const PROBE_TICKS = 60;

interface Probe {
  readonly bytes: Uint8Array;
  readonly requestChecksum: bigint;
  ticks: number;
}

/** A client that survives every crash of the replicas. */
export class SimulatedClient implements MessageBusReceiver {
  readonly id: bigint;
  readonly #options: SimulatedClientOptions;
  readonly #bus: SimulatedMessageBus;
  readonly #session: Session;
  /** The last request that left, as it was sent. */
  #lastRequest: Uint8Array | null = null;
  #probe: Probe | null = null;
  #replies = 0;
  #eviction: EvictionReason | null = null;

  constructor(options: SimulatedClientOptions) {
    const { network, pool, client } = options;
    this.id = client;
    this.#options = options;
    this.#bus = network.addClient(client, { pool, receiver: this });
    this.#session = new Session({
      ...options,
      bus: this.#bus,
      random: new Random(BigInt.asUintN(64, client)),
      onEviction: ({ reason }) => {
        this.#probe = null;
        this.#eviction = reason;
      },
    });
  }

  get state(): SimulatedClientState {
    if (this.#probe !== null) return "probing";
    switch (this.#session.state) {
      case "new":
        return "new";
      case "registering":
      case "busy":
        return "busy";
      case "idle":
        return "idle";
      case "evicted":
      case "closed":
        return "evicted";
    }
  }

  /** How many of its requests were answered. */
  get replies(): number {
    return this.#replies;
  }

  /** Why the cluster ended its session; null if it did not. */
  get eviction(): EvictionReason | null {
    return this.#eviction;
  }

  /** The highest view that the cluster has shown it. */
  get view(): number {
    return this.#session.view;
  }

  /** Whether it has been answered at least once. */
  get registered(): boolean {
    return this.#session.session > 0;
  }

  /** What the cluster takes as a body; only once registered. */
  get bodySizeMax(): number {
    return this.#session.batchSizeLimit;
  }

  /** Opens the session. */
  register(): void {
    this.#session.register(() => (this.#replies += 1));
  }

  /** Makes the next request. */
  request({ operation, body }: WorkloadRequest): void {
    assert(this.state === "idle", () => `client ${this.id} makes a request while it is ${this.state}`);
    this.#session.request(operation, body, () => (this.#replies += 1));
  }

  /** Sends bytes to every replica, beside the session. */
  sendRaw(bytes: Uint8Array): void {
    const message = this.#options.pool.acquire();
    message.buffer.set(bytes);
    for (let replica = 0; replica < this.#options.replicaCount; replica += 1) {
      this.#bus.sendMessageToReplica(replica, message);
    }
    message.release();
  }

  /** Sends the last request, which was answered, once more: the answer must be the same. */
  probe(): void {
    assert(this.state === "idle" && this.#lastRequest !== null, () => `client ${this.id} asks while ${this.state}`);
    const { checksum } = new Header(this.#lastRequest);
    this.#probe = { bytes: this.#lastRequest, requestChecksum: checksum, ticks: 0 };
    this.sendRaw(this.#probe.bytes);
  }

  /** Lets 10 ms pass. */
  tick(): void {
    this.#session.tick();
    if (this.#probe === null) return;
    this.#probe.ticks += 1;
    if (this.#probe.ticks % PROBE_TICKS === 0) this.sendRaw(this.#probe.bytes);
  }

  onMessages(buffer: MessageBuffer): void {
    this.#session.onMessages(buffer);
  }

  /** Sees what the client sends. */
  onSent({ bytes }: Packet): void {
    if (new Header(bytes).command === Command.request) this.#lastRequest = bytes;
  }

  /** Sees what is about to reach the client. */
  onDelivered({ bytes }: Packet): void {
    if (this.#probe === null || new Header(bytes).command !== Command.reply) return;
    if (new ReplyHeader(bytes).requestChecksum === this.#probe.requestChecksum) this.#probe = null;
  }
}
