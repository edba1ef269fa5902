/**
 * What clients of one cluster run on: a pool of messages, checksums, and a message bus for each.
 */
import type { SessionOptions } from "@stagbeetle/client";
import { MessageBus } from "@stagbeetle/io-linux";
import { assert, createKernels, LinearMemory } from "@stagbeetle/kernels";
import {
  Checksums,
  type Config,
  type ConnectionObserver,
  type Endpoint,
  type Logger,
  type MessageBuffer,
  type MessageBusReceiver,
  MessagePool,
  Random,
  type Release,
  SILENT_LOGGER,
  type Time,
} from "@stagbeetle/vsr-protocol";

import { randomClientId } from "./client-id.ts";

/** The request that is under way, a ping, the message that is looked at, and the memory that is exchanged for it. */
const MESSAGES_BESIDE_CONNECTIONS = 4;
const MEMORY_BESIDE_MESSAGES_BYTES = 2 ** 20;

/** Which cluster, and for how many clients. */
export interface ClientNetworkOptions {
  readonly config: Config;
  readonly cluster: bigint;
  /** Where the replicas are, by index: 1 to 6. */
  readonly addresses: readonly Endpoint[];
  /** How many clients can be connected. */
  readonly clientsMax: number;
  readonly time: Time;
}

/** Who connects. */
export interface ConnectOptions {
  readonly release: Release;
  /** u128, neither 0 nor 2^128 − 1; random unless said. */
  readonly client?: bigint;
  /** Hears how the connections fare. */
  readonly observer?: ConnectionObserver;
  /**
   * Hears what is thrown while a message is looked at: a broken invariant, after which the receiver is not to be used any more.
   * Without it, that ends the process.
   */
  readonly onBroken?: (error: unknown) => void;
  readonly logger?: Logger;
}

/** What a session, or a probe, is made of. */
export interface ClientParts extends Omit<SessionOptions, "aofRecovery" | "bus" | "logger" | "onEviction"> {
  readonly bus: MessageBus;
  readonly logger: Logger;
}

/** A receiver of messages, and its connections. */
export interface Connected<Receiver> {
  readonly receiver: Receiver;
  /** To be ticked by the receiver if that is a session, and closed by whoever connected. */
  readonly bus: MessageBus;
}

/**
 * Memory and connections for clients of one cluster. Reserves 1 MiB a message (`messageSizeMax`), of which only what is used
 * becomes resident.
 */
export class ClientNetwork {
  readonly #options: ClientNetworkOptions;
  readonly #pool: MessagePool;
  readonly #checksums: Checksums;
  #clients = 0;

  constructor(options: ClientNetworkOptions) {
    const { config, addresses, clientsMax } = options;
    assert(clientsMax >= 1, () => `a network for ${clientsMax} clients`);
    assert(addresses.length >= 1, "a network without addresses");
    const { messageSizeMax } = config.cluster;
    const messagesMax = clientsMax * messagesPerClient(config, addresses.length);
    const sizeBytes = messagesMax * messageSizeMax + MEMORY_BESIDE_MESSAGES_BYTES;
    const memory = new LinearMemory({ sizeBytes, shared: false });
    this.#options = options;
    this.#checksums = new Checksums(createKernels({ memory }));
    this.#pool = new MessagePool({ memory, messageSizeMax, messagesMax });
  }

  /**
   * Makes a bus, and with `create` what receives its messages: a session or a probe. Connects when the bus first ticks.
   *
   * @param create is called once, before anything is received.
   */
  connect<Receiver extends MessageBusReceiver>(
    { release, client = randomClientId(), observer, onBroken, logger = SILENT_LOGGER }: ConnectOptions,
    create: (parts: ClientParts) => Receiver,
  ): Connected<Receiver> {
    const { config, cluster, addresses, clientsMax, time } = this.#options;
    assert(this.#clients < clientsMax, () => `more than ${clientsMax} clients`);
    this.#clients += 1;
    const random = new Random(BigInt.asUintN(64, client));
    const common = { config, pool: this.#pool, checksums: this.#checksums, random, logger };
    const onMessages = (buffer: MessageBuffer): void => receiver.onMessages(buffer);
    const bus = new MessageBus({
      ...common,
      role: { kind: "client" },
      addresses,
      receiver: { onMessages: onBroken === undefined ? onMessages : guarded(onMessages, onBroken) },
      ...(observer === undefined ? {} : { observer }),
    });
    const receiver = create({ ...common, bus, time, cluster, client, replicaCount: addresses.length, release });
    return { receiver, bus };
  }
}

/** How many messages one client holds at once: its own, and on each connection a buffer and what waits to be sent. */
function messagesPerClient({ derived }: Config, replicaCount: number): number {
  return MESSAGES_BESIDE_CONNECTIONS + replicaCount * (1 + derived.connectionSendQueueMaxClient);
}

function guarded(
  onMessages: (buffer: MessageBuffer) => void,
  onBroken: (error: unknown) => void,
): (buffer: MessageBuffer) => void {
  return (buffer) => {
    try {
      onMessages(buffer);
    } catch (error) {
      buffer.invalidate("misdirected");
      onBroken(error);
    }
  };
}
