/**
 * A cluster in one process: machines, clients and the network between them, driven by one seed and watched by a history.
 *
 * This release has one machine; nothing here but its construction knows that.
 *
 * @module
 */
import { assert, LinearMemory } from "@stagbeetle/kernels";
import {
  Checksums,
  Command,
  type Config,
  Header,
  type Logger,
  MessagePool,
  Random,
  type Release,
  releaseOf,
} from "@stagbeetle/vsr-protocol";

import { History } from "../checkers/history.ts";
import { type FaultAtlas, NO_FAULTS_ATLAS } from "../faults/atlas.ts";
import type { Packet } from "../network/endpoint.ts";
import { type NetworkFaults, NO_NETWORK_FAULTS, SimulatedNetwork } from "../network/network.ts";
import type { StorageIncident } from "../storage.ts";
import { SimulatedTime, type SimulatedTimeOptions } from "../time.ts";
import type { Workload } from "../workload/workload.ts";
import type { Application } from "./application.ts";
import { SimulatedClient } from "./client.ts";
import { Machine } from "./machine.ts";

/** The release that simulated clusters run. */
export const SIMULATED_RELEASE: Release = releaseOf(0, 17, 9);

/** Each client holds a request, a ping, a receive buffer, and two of its messages are queued. */
const MESSAGES_PER_CLIENT = 8;
const MEMORY_BESIDE_MESSAGES_BYTES = 65_536;

/** What a cluster is made of. */
export interface ClusterOptions {
  readonly config: Config;
  readonly application: Application;
  readonly seed: bigint;
  readonly clientCount: number;
  readonly network?: NetworkFaults;
  readonly atlas?: FaultAtlas;
  readonly time?: SimulatedTimeOptions;
  /** Hears of everything that goes wrong with a disk. */
  readonly onIncident?: (incident: StorageIncident) => void;
  readonly logger?: Logger;
}

/** A cluster. Driven from outside: `tick` lets 10 ms pass, `step` does one thing that is due. */
export class Cluster {
  readonly config: Config;
  readonly history: History;
  readonly workload: Workload;
  readonly network: SimulatedNetwork;
  readonly machine: Machine;
  readonly clients: readonly SimulatedClient[];
  readonly #clientTime = new SimulatedTime();

  constructor(options: ClusterOptions) {
    const { config, application, seed, clientCount, network: networkFaults = NO_NETWORK_FAULTS } = options;
    const random = new Random(seed);
    const checksums = new Checksums();
    const cluster = random.u128();
    this.config = config;
    const { model, workload } = application.createTrial(config, new Random(random.u64()));
    this.history = new History(model);
    this.workload = workload;
    this.network = new SimulatedNetwork({
      config,
      checksums,
      random: new Random(random.u64()),
      faults: networkFaults,
      observer: {
        onSent: (packet) => this.#onSent(packet),
        onDelivered: (packet) => this.#onDelivered(packet),
      },
    });
    this.machine = new Machine({
      config,
      createStateMachine: application.createStateMachine,
      network: this.network,
      checksums,
      cluster,
      replica: 0,
      replicaCount: 1,
      release: SIMULATED_RELEASE,
      releaseClientMin: SIMULATED_RELEASE,
      random: new Random(random.u64()),
      time: options.time ?? {},
      atlas: options.atlas ?? NO_FAULTS_ATLAS,
      observer: this.history,
      onIncident: options.onIncident ?? (() => undefined),
      ...(options.logger === undefined ? {} : { logger: options.logger }),
    });
    this.clients = this.#createClients(clientCount, random, checksums, cluster);
  }

  /** Lets 10 ms pass for everyone. */
  tick(): void {
    this.network.tick();
    this.#clientTime.tick();
    this.machine.tick();
    for (const client of this.clients) client.tick();
  }

  /** Delivers what is due. Returns whether there was anything. */
  deliver(): boolean {
    return this.network.step();
  }

  /** One line for people. */
  describe(): string {
    const clients = this.clients.map(({ state }) => state).join(" ");
    return `machine ${this.machine.describe()}; clients ${clients}; history up to op ${this.history.opMax}`;
  }

  #createClients(count: number, random: Random, checksums: Checksums, cluster: bigint): SimulatedClient[] {
    const { config, network } = this;
    const { messageSizeMax } = config.cluster;
    const messagesMax = count * MESSAGES_PER_CLIENT;
    const sizeBytes = messagesMax * messageSizeMax + MEMORY_BESIDE_MESSAGES_BYTES;
    const memory = new LinearMemory({ sizeBytes, shared: false });
    const pool = new MessagePool({ memory, messageSizeMax, messagesMax });
    const time = this.#clientTime;
    const common = { config, network, pool, checksums, time, cluster, replicaCount: 1, release: SIMULATED_RELEASE };
    return Array.from({ length: count }, () => new SimulatedClient({ ...common, client: random.u128() | 1n }));
  }

  #onSent(packet: Packet): void {
    if (typeof packet.from !== "bigint") return;
    this.#client(packet.from).onSent(packet);
    if (new Header(packet.bytes).command === Command.request) this.history.onRequestSent(packet.bytes);
  }

  #onDelivered(packet: Packet): void {
    if (typeof packet.to !== "bigint") return;
    if (new Header(packet.bytes).command === Command.reply) this.history.onReplyDelivered(packet.bytes);
    this.#client(packet.to).onDelivered(packet);
  }

  #client(id: bigint): SimulatedClient {
    const client = this.clients.find((other) => other.id === id);
    assert(client !== undefined, () => `there is no client ${id}`);
    return client;
  }
}
