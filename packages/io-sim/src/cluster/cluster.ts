/**
 * A cluster in one process: machines, clients and the network between them, driven by one seed and watched by checkers.
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
  type PrepareHeader,
  quorums,
  Random,
  type Release,
  releaseOf,
} from "@stagbeetle/vsr-protocol";

import { GridChecker } from "../checkers/grid-checker.ts";
import { History } from "../checkers/history.ts";
import { checkFreeSet, ManifestChecker } from "../checkers/manifest-checker.ts";
import { StateChecker } from "../checkers/state-checker.ts";
import { StorageChecker } from "../checkers/storage-checker.ts";
import { type FaultAtlas, NO_FAULTS_ATLAS } from "../faults/atlas.ts";
import type { Latency } from "../faults/storage-faults.ts";
import type { Address, Packet } from "../network/endpoint.ts";
import { type NetworkFaults, NO_NETWORK_FAULTS, SimulatedNetwork } from "../network/network.ts";
import type { StorageIncident } from "../storage.ts";
import { SimulatedTime, type SimulatedTimeOptions } from "../time.ts";
import type { Workload } from "../workload/workload.ts";
import type { Application } from "./application.ts";
import { SimulatedClient } from "./client.ts";
import { Machine, type MachineInspector, NO_INSPECTOR, NO_OBSERVER } from "./machine.ts";

/** The release that simulated clusters run. */
export const SIMULATED_RELEASE: Release = releaseOf(0, 17, 9);

/** Each client holds a request, a ping and a message to ask again; and for each replica a receive buffer and a queue. */
const MESSAGES_PER_CLIENT = 4;
const MESSAGES_PER_CLIENT_AND_REPLICA = 4;
const MEMORY_BESIDE_MESSAGES_BYTES = 65_536;

/** What a cluster is made of. */
export interface ClusterOptions {
  readonly config: Config;
  readonly application: Application;
  readonly seed: bigint;
  readonly clientCount: number;
  /** How many replicas vote (1 to 6), 1 unless said, and how many standbys follow (0 to 6). */
  readonly replicaCount?: number;
  readonly standbyCount?: number;
  /** What replicas run, the oldest release that they serve, and what clients run. */
  readonly release?: Release;
  readonly releaseClientMin?: Release;
  readonly clientRelease?: Release;
  /** The largest size of a data file in bytes. */
  readonly storageSizeLimit?: number;
  readonly network?: NetworkFaults;
  /** How long a packet travels from one address to another, in ticks, beside what the faults say. */
  readonly delayTicks?: (from: Address, to: Address) => number;
  /** Where the disk of a replica may become faulty. */
  readonly atlas?: (replica: number) => FaultAtlas;
  /** How long checksums of blocks take, which replicas then leave to another thread; computed at once unless given. */
  readonly checksumLatency?: Latency | null;
  /** How the clock of a replica goes. */
  readonly time?: (replica: number) => SimulatedTimeOptions;
  /** Hears of everything that goes wrong with a disk. */
  readonly onIncident?: (incident: StorageIncident) => void;
  /** Sees every packet that is sent, and every one that arrives. */
  readonly onPacket?: (event: "sent" | "arrived", packet: Packet) => void;
  readonly logger?: Logger;
  /**
   * Whether what replicas do is held against the model and each other's history: true unless said. What forged messages make a
   * cluster believe cannot be judged.
   */
  readonly judged?: boolean;
}

/** A cluster. Driven from outside: `tick` lets 10 ms pass, `deliver` and `step` do what is due. */
export class Cluster {
  readonly config: Config;
  /** The cluster's id. */
  readonly id: bigint;
  readonly replicaCount: number;
  readonly history: History;
  readonly stateChecker: StateChecker;
  readonly storageChecker: StorageChecker;
  readonly gridChecker: GridChecker = new GridChecker();
  readonly manifestChecker: ManifestChecker;
  readonly workload: Workload;
  readonly network: SimulatedNetwork;
  /** Replicas first, then standbys. */
  readonly machines: readonly Machine[];
  readonly clients: readonly SimulatedClient[];
  readonly #options: ClusterOptions;
  readonly #random: Random;
  readonly #checksums = new Checksums();
  readonly #clientTime = new SimulatedTime();
  readonly #clientsById: Map<bigint, SimulatedClient> = new Map();
  /** Replicas that lost their disks and were not formatted again: what they acknowledged may be on no disk any more. */
  readonly #disksLost: Set<number> = new Set();
  #ticks = 0;

  constructor(options: ClusterOptions) {
    const { config, application, seed, clientCount, replicaCount = 1, standbyCount = 0 } = options;
    this.#options = options;
    this.#random = new Random(seed);
    const random = this.#random;
    this.id = random.u128();
    this.config = config;
    this.replicaCount = replicaCount;
    const { model, workload } = application.createTrial(config, new Random(random.u64()));
    const solo = replicaCount === 1;
    this.history = new History(model, { config, solo, assertDurable: (prepare) => this.#assertDurable(prepare) });
    this.stateChecker = new StateChecker(this.history);
    this.storageChecker = new StorageChecker(config);
    this.manifestChecker = new ManifestChecker(config);
    this.workload = workload;
    this.network = new SimulatedNetwork({
      config,
      checksums: this.#checksums,
      random: new Random(random.u64()),
      faults: options.network ?? NO_NETWORK_FAULTS,
      nodeCount: replicaCount + standbyCount,
      ...(options.delayTicks === undefined ? {} : { delayTicks: options.delayTicks }),
      observer: {
        onSent: (packet) => this.#onSent(packet),
        onDelivered: (packet) => this.#onDelivered(packet),
      },
    });
    this.machines = Array.from({ length: replicaCount + standbyCount }, (_, index) => this.#createMachine(index));
    this.clients = Array.from({ length: clientCount }, () => this.addClient());
  }

  /** The first machine: all there is of a cluster of one. */
  get machine(): Machine {
    return this.machineAt(0);
  }

  /** How much simulated time has passed, in ticks of 10 ms. */
  get ticks(): number {
    return this.#ticks;
  }

  /** A machine by its index. */
  machineAt(index: number): Machine {
    const machine = this.machines[index];
    assert(machine !== undefined, () => `there is no machine ${index}`);
    return machine;
  }

  /** One more client, which is not among {@link Cluster.clients} unless the cluster is being made. */
  addClient(): SimulatedClient {
    const { config, network } = this;
    const { messageSizeMax } = config.cluster;
    const messagesMax = MESSAGES_PER_CLIENT + this.replicaCount * MESSAGES_PER_CLIENT_AND_REPLICA;
    const sizeBytes = messagesMax * messageSizeMax + MEMORY_BESIDE_MESSAGES_BYTES;
    const memory = new LinearMemory({ sizeBytes, shared: false });
    const client = new SimulatedClient({
      config,
      network,
      pool: new MessagePool({ memory, messageSizeMax, messagesMax }),
      checksums: this.#checksums,
      time: this.#clientTime,
      cluster: this.id,
      replicaCount: this.replicaCount,
      release: this.#options.clientRelease ?? this.#options.release ?? SIMULATED_RELEASE,
      client: this.#random.u128() | 1n,
    });
    this.#clientsById.set(client.id, client);
    return client;
  }

  /** Lets 10 ms pass for everyone. */
  tick(): void {
    this.#ticks += 1;
    this.network.tick();
    this.#clientTime.tick();
    for (const machine of this.machines) machine.tick();
    for (const client of this.#clientsById.values()) client.tick();
  }

  /** Delivers what is due. Returns whether there was anything. */
  deliver(): boolean {
    return this.network.step();
  }

  /** Does all that is due: packets and disks in turns, so that a chain of both goes on within a tick. */
  settle(): void {
    for (let progressed = true; progressed;) {
      progressed = this.network.step();
      for (const machine of this.machines) if (machine.step()) progressed = true;
    }
  }

  /** A disk is lost, and an empty one takes its place: what it had, the cluster may not have any more. */
  replaceDisk(replica: number): void {
    this.machineAt(replica).replaceDisk();
    this.#disksLost.add(replica);
  }

  /** A replica that lost its disk begins anew. `view` is the first that it may take part in. */
  reformat(replica: number, view: number): void {
    assert(this.#disksLost.has(replica), () => `replica ${replica} has its disk`);
    this.stateChecker.onReformat(replica, view);
    this.storageChecker.forget(replica);
    this.machineAt(replica).format(view);
    this.#disksLost.delete(replica);
  }

  /** One line for people. */
  describe(): string {
    const machines = this.machines.map((machine) => `machine ${machine.describe()}`).join("; ");
    const clients = this.clients.map(({ state }) => state).join(" ");
    return `${machines}; clients ${clients}; history up to op ${this.history.opMax}`;
  }

  #createMachine(replica: number): Machine {
    const { config, application, replicaCount = 1, standbyCount = 0 } = this.#options;
    const { release = SIMULATED_RELEASE, releaseClientMin = release, storageSizeLimit, logger } = this.#options;
    return new Machine({
      config,
      application,
      network: this.network,
      checksums: this.#checksums,
      cluster: this.id,
      replica,
      replicaCount,
      standbyCount,
      release,
      releaseClientMin,
      ...(storageSizeLimit === undefined ? {} : { storageSizeLimit }),
      random: new Random(this.#random.u64()),
      time: this.#options.time?.(replica) ?? {},
      checksumLatency: this.#options.checksumLatency ?? null,
      atlas: this.#options.atlas?.(replica) ?? NO_FAULTS_ATLAS,
      observer: this.#judged ? this.history : NO_OBSERVER,
      inspector: this.#judged ? this.#inspector() : NO_INSPECTOR,
      onIncident: this.#options.onIncident ?? (() => undefined),
      ...(logger === undefined ? {} : { logger }),
    });
  }

  get #judged(): boolean {
    return this.#options.judged ?? true;
  }

  #inspector(): MachineInspector {
    const { stateChecker, storageChecker, gridChecker, manifestChecker } = this;
    const { replicaCount = 1, standbyCount = 0 } = this.#options;
    // Alone, a replica has nobody to be compared with, and nobody to mend its disk.
    const alone = replicaCount + standbyCount === 1;
    return {
      inspect: (machine) => {
        stateChecker.check(machine);
        if (!alone) storageChecker.check(machine);
      },
      onOpened: (machine) => {
        if (machine.store === null) return;
        manifestChecker.onOpened(machine);
        checkFreeSet(machine);
      },
      onCompacted: (machine, op) => {
        if (machine.store === null || !machine.store.forest.trees.beats.endsBar(op)) return;
        checkFreeSet(machine);
        if (!alone) storageChecker.checkBar(machine, op);
      },
      onCheckpointed: (machine) => {
        if (machine.store !== null) manifestChecker.onCheckpointed(machine);
      },
      onBlock: (machine, block) => gridChecker.check(machine, block),
    };
  }

  /** What is executed has to be on as many disks as no view change can miss (spec 03 §2.2). */
  #assertDurable(prepare: PrepareHeader): void {
    const { replication } = quorums(this.replicaCount, this.config.cluster.quorumReplicationMax);
    const copies = this.machines.filter((machine) => !machine.standby && machine.logOnDisk.hasPrepare(prepare)).length;
    assert(
      copies + this.#disksLost.size >= replication,
      () => `op ${prepare.op} is executed while ${copies} disks have it, but ${replication} must`,
    );
  }

  #onSent(packet: Packet): void {
    this.#options.onPacket?.("sent", packet);
    if (typeof packet.from !== "bigint") {
      if (this.#judged) this.stateChecker.onSent(packet);
      return;
    }
    this.#client(packet.from).onSent(packet);
    if (this.#judged && new Header(packet.bytes).command === Command.request) this.history.onRequestSent(packet.bytes);
  }

  #onDelivered(packet: Packet): void {
    this.#options.onPacket?.("arrived", packet);
    if (typeof packet.to !== "bigint") return;
    if (this.#judged && new Header(packet.bytes).command === Command.reply) this.history.onReplyDelivered(packet.bytes);
    this.#client(packet.to).onDelivered(packet);
  }

  #client(id: bigint): SimulatedClient {
    const client = this.#clientsById.get(id);
    assert(client !== undefined, () => `there is no client ${id}`);
    return client;
  }
}
