/**
 * Buses on the loopback interface for tests.
 *
 * @module
 */
import {
  type Address,
  Checksums,
  type Config,
  type ConnectionObserver,
  createConfig,
  type Endpoint,
  type Logger,
  type MessageBusReceiver,
  MessagePool,
  Random,
  SILENT_LOGGER,
  TEST_MIN,
} from "@stagbeetle/vsr-protocol";
import { createKernels, LinearMemory } from "@stagbeetle/kernels";
import { connectionsMax, MessageBus, type MessageBusRole } from "../message-bus/message-bus.ts";
import { until } from "./until.ts";

/** Connections that are dialled at the next tick, so that tests do not wait. */
const IMPATIENT: Config = createConfig(
  TEST_MIN.cluster,
  { ...TEST_MIN.process, connectionDelayMinMs: 0, connectionDelayMaxMs: 1 },
  "impatient",
);

/** A bus with the pool that it lives on. */
export interface Member {
  readonly bus: MessageBus;
  readonly pool: MessagePool;
}

/** What may be chosen for a member. */
export interface MemberOptions {
  readonly clientsLimit?: number;
  readonly logger?: Logger;
  readonly config?: Config;
  readonly observer?: ConnectionObserver;
}

/** Room for what receivers and tests hold themselves. */
const MESSAGES_OF_THE_TEST = 32;

/** Makes a bus and a pool for it. */
export function createMember(
  role: MessageBusRole,
  addresses: readonly Endpoint[],
  receiver: MessageBusReceiver,
  { logger = SILENT_LOGGER, config = IMPATIENT, observer }: MemberOptions = {},
): Member {
  const { messageSizeMax } = config.cluster;
  const messagesMax = connectionsMax(role, addresses.length) * 5 + MESSAGES_OF_THE_TEST;
  const memory = new LinearMemory({ sizeBytes: (messagesMax + 16) * messageSizeMax + 65_536 * 16 });
  const pool = new MessagePool({ memory, messageSizeMax, messagesMax });
  const checksums = new Checksums(createKernels({ memory }));
  const common = { role, config, addresses, pool, checksums, receiver, random: new Random(42), logger };
  const bus = new MessageBus(observer === undefined ? common : { ...common, observer });
  return { bus, pool };
}

/** Replicas that listen on ports of the system's choice, and clients that dial them. */
export class Network {
  readonly replicas: Member[] = [];
  readonly clients: Member[] = [];
  readonly addresses: Address[];
  readonly config: Config;
  readonly #closed: Set<Member> = new Set();

  private constructor(addresses: Address[], config: Config) {
    this.addresses = addresses;
    this.config = config;
  }

  /** Starts a replica for each receiver. */
  static async start(receivers: readonly MessageBusReceiver[], options: MemberOptions = {}): Promise<Network> {
    // Each bus gets the same array, in which the port appears once its replica listens: before the first tick.
    const addresses = receivers.map((): Address => ({ family: 4, host: "127.0.0.1", port: 0 }));
    const network = new Network(addresses, options.config ?? IMPATIENT);
    for (const [replica, receiver] of receivers.entries()) {
      const role: MessageBusRole = { kind: "replica", replica, clientsLimit: options.clientsLimit ?? 8 };
      const member = createMember(role, addresses, receiver, options);
      addresses[replica] = await member.bus.listen();
      network.replicas.push(member);
    }
    return network;
  }

  /** Adds a client. */
  addClient(receiver: MessageBusReceiver, options: MemberOptions = {}): Member {
    const member = createMember({ kind: "client" }, this.addresses, receiver, { config: this.config, ...options });
    this.clients.push(member);
    return member;
  }

  /** Ticks all buses once in every turn of the event loop until `condition` holds. */
  async until(condition: () => boolean): Promise<void> {
    await until(condition, () => this.tick());
  }

  tick(): void {
    for (const member of [...this.replicas, ...this.clients]) {
      if (!this.#closed.has(member)) member.bus.tick();
    }
  }

  /** Closes one bus, as the end of its process does. */
  async closeMember(member: Member): Promise<void> {
    this.#closed.add(member);
    await member.bus.close();
  }

  /** Closes all buses. */
  async close(): Promise<void> {
    for (const member of [...this.replicas, ...this.clients]) {
      if (!this.#closed.has(member)) await this.closeMember(member);
    }
  }
}
