/**
 * The cluster that a scenario plays in, and the passing of its time (spec 07 §17.1).
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import {
  Checksums,
  Command,
  type Config,
  EvictionHeader,
  evictionReasonName,
  HEADER_SIZE_BYTES,
  initHeader,
  type Logger,
  Operation,
  type Release,
  releaseOf,
  RequestHeader,
  TEST_MIN,
} from "@stagbeetle/vsr-protocol";

import { type Application, STORED_ECHO } from "../cluster/application.ts";
import type { SimulatedClient } from "../cluster/client.ts";
import { Cluster } from "../cluster/cluster.ts";
import type { Machine } from "../cluster/machine.ts";
import { Recovery } from "../cluster/recovery.ts";
import { NO_STORAGE_FAULTS, type StorageFaults } from "../faults/storage-faults.ts";
import type { Packet } from "../network/endpoint.ts";
import { commandOf } from "../network/rules.ts";
import { type NetworkFaults, NO_NETWORK_FAULTS } from "../network/network.ts";
import { Cast } from "./cast.ts";
import { Watch } from "./watch.ts";

const SEED = 123n;
/** After so many ticks without a commit nothing more is expected of requests, or of a run. */
const QUIET_TICKS_REQUESTS = 3000;
const QUIET_TICKS_RUN = 8200;
/** More than any scenario needs to come to rest. */
const TICKS_MAX = 1_000_000;
/** A tour of the scrubber under the smallest configuration: an hour. */
const SCRUB_TICKS = 360_000;
const STORAGE_SIZE_BYTES = 128 * 1024 * 1024;
const MICROSECONDS_PER_TICK = 10_000;

const ECHO_OPERATION = 128;
const BODY: Uint8Array = new Uint8Array(123).fill(42);

const STORAGE: StorageFaults = {
  ...NO_STORAGE_FAULTS,
  readLatency: { minimumMicroseconds: MICROSECONDS_PER_TICK, meanMicroseconds: 5 * MICROSECONDS_PER_TICK },
  writeLatency: { minimumMicroseconds: MICROSECONDS_PER_TICK, meanMicroseconds: 5 * MICROSECONDS_PER_TICK },
};

const NETWORK: NetworkFaults = { ...NO_NETWORK_FAULTS, delayMinTicks: 1, delayMeanTicks: 6, linkCapacity: 10 };

/** What a scenario chooses of its cluster. Releases are patches: 10 is 0.18.10, so that clients are new enough to say in a ping which session they have. */
export interface WorldOptions {
  readonly replicaCount: number;
  readonly standbyCount: number;
  readonly clientCount: number;
  readonly releasePatch: number;
  readonly clientReleasePatch: number;
}

/** A release by its patch number. */
function releaseOfPatch(patch: number): Release {
  return releaseOf(0, 18, patch);
}

/** How far clients were asked for requests, and how many of them were answered. */
interface Asked {
  readonly clients: readonly SimulatedClient[];
  count: number;
  next: number;
}

/** A cluster without faults of its own, whose time is in a scenario's hands. */
export class World {
  readonly config: Config = TEST_MIN;
  readonly cluster: Cluster;
  readonly cast: Cast;
  readonly watch: Watch;
  readonly #recoveries: Map<number, Recovery> = new Map();
  readonly #asked: Map<string, Asked> = new Map();
  #logLines: string[] = [];
  #onArrived: (packet: Packet) => void = () => undefined;

  constructor(options: WorldOptions, application: Application = STORED_ECHO) {
    const logger: Logger = {
      enabled: () => true,
      log: (_, message) => this.#logLines.push(message),
    };
    this.cluster = new Cluster({
      config: this.config,
      application,
      seed: SEED,
      clientCount: options.clientCount,
      replicaCount: options.replicaCount,
      standbyCount: options.standbyCount,
      release: releaseOfPatch(options.releasePatch),
      releaseClientMin: releaseOfPatch(options.releasePatch),
      clientRelease: releaseOfPatch(options.clientReleasePatch),
      storageSizeLimit: STORAGE_SIZE_BYTES,
      network: NETWORK,
      onPacket: (event, packet) => this.#onPacket(event, packet),
      logger,
    });
    this.cast = new Cast(this.cluster);
    this.watch = new Watch(this.cast);
    for (const machine of this.cluster.machines) {
      machine.format();
      this.open(machine.index);
    }
  }

  /** What replicas have logged since it was last forgotten, each line with its replica's prefix. */
  get logLines(): readonly string[] {
    return this.#logLines;
  }

  /** Forgets what was logged. */
  forgetLog(): void {
    this.#logLines = [];
  }

  /** Crashes a machine and loses what is on its way to it. */
  stop(node: number): void {
    this.cluster.machineAt(node).crash();
    this.cluster.network.discard(node);
  }

  /** Starts a machine, up to where its replica knows its status. Nothing else happens meanwhile. Returns why it refused, or null. */
  open(node: number): string | null {
    const machine = this.cluster.machineAt(node);
    machine.start(STORAGE);
    machine.runUntilOpen();
    return this.#buryRefused(machine);
  }

  /** Installs releases on a machine, by their patches. */
  install(node: number, patches: readonly number[]): void {
    this.cluster.machineAt(node).releasesBundled = patches.map(releaseOfPatch);
  }

  /** Lets time pass until the scrubber of a node has nothing more to repair. */
  scrub(node: number): void {
    const { disk } = this.cluster.machineAt(node);
    let before = Number.POSITIVE_INFINITY;
    while (disk.corruptCount < before) {
      before = disk.corruptCount;
      for (let ticks = 0; ticks < SCRUB_TICKS; ticks += 1) this.tick();
    }
  }

  /** Gives a machine an empty disk and begins to replace its replica. It starts by itself when that is done. */
  recover(node: number): void {
    const machine = this.cluster.machineAt(node);
    if (machine.up) this.stop(node);
    this.cluster.replaceDisk(node);
    this.#recoveries.set(node, new Recovery(this.cluster, node));
  }

  /** Whether a machine waits for its replica to be replaced. */
  recovering(node: number): boolean {
    return this.#recoveries.has(node);
  }

  /** Lets 10 ms pass, and all happen that is due. */
  tick(): void {
    this.cluster.tick();
    this.cluster.settle();
    for (const [node, recovery] of this.#recoveries) {
      if (recovery.tick() !== "formatted") continue;
      this.#recoveries.delete(node);
      this.open(node);
    }
    for (const machine of this.cluster.machines) this.#buryRefused(machine);
  }

  /** Lets time pass until nothing was committed for long. */
  run(): void {
    this.#untilQuiet(QUIET_TICKS_RUN, () => undefined);
  }

  /**
   * Lets clients ask in turns until so many requests were made by them in total, and waits until nothing was committed for a
   * while.
   *
   * @returns how many of all of them were answered.
   */
  request(words: readonly string[], total: number): number {
    const asked = this.#askedOf(words);
    this.#untilQuiet(QUIET_TICKS_REQUESTS, () => this.#ask(asked, total));
    assert(asked.count === total, () => `${asked.count} of ${total} requests could be made`);
    return asked.clients.reduce((sum, { replies }) => sum + replies, 0);
  }

  /** Whether the block at this address of a node's grid can be read. */
  blockIntact(node: number, address: number): boolean {
    const machine = this.cluster.machineAt(node);
    return !machine.disk.isCorrupt(machine.blockOffset(address));
  }

  /**
   * Sends a register without a body, as clients of long ago do, and waits for what comes of it.
   *
   * @returns why the client was evicted, once for each eviction message, of 256 bytes, that it got.
   */
  sendBareRegister(name: string, releasePatch: number): readonly string[] {
    const [client] = this.#askedOf([name]).clients;
    assert(client !== undefined, () => `there is no client ${name}`);
    const bytes = new Uint8Array(HEADER_SIZE_BYTES);
    const header = new RequestHeader(bytes);
    initHeader(header, Command.request, this.cluster.id);
    Object.assign(header, {
      client: client.id,
      operation: Operation.register,
      release: releaseOfPatch(releasePatch),
    });
    new Checksums().setEmptyBody(header);
    const evictions: string[] = [];
    this.#onArrived = ({ to, bytes: arrived }) => {
      if (to !== client.id || commandOf({ bytes: arrived }) !== Command.eviction) return;
      assert(arrived.length === HEADER_SIZE_BYTES, () => `an eviction of ${arrived.length} bytes`);
      evictions.push(evictionReasonName(new EvictionHeader(arrived).reason));
    };
    client.sendRaw(bytes);
    this.run();
    return evictions;
  }

  #askedOf(words: readonly string[]): Asked {
    const key = words.join(" ");
    let asked = this.#asked.get(key);
    if (asked === undefined) {
      const clients = this.cast.clients(words).flatMap((index) => this.cluster.clients[index] ?? []);
      asked = { clients, count: 0, next: 0 };
      this.#asked.set(key, asked);
    }
    return asked;
  }

  /** Lets whoever is ready ask, in turns. */
  #ask(asked: Asked, total: number): void {
    for (let turns = 0; turns < asked.clients.length && asked.count < total; turns += 1) {
      const client = asked.clients[asked.next];
      asked.next = (asked.next + 1) % asked.clients.length;
      if (client?.state === "new") client.register();
      else if (client?.state === "idle") client.request({ operation: ECHO_OPERATION, body: BODY });
      else continue;
      asked.count += 1;
    }
  }

  #untilQuiet(quietTicks: number, work: () => void): void {
    const { history } = this.cluster;
    let opMax = history.opMax;
    let quiet = 0;
    for (let ticks = 0; quiet < quietTicks; ticks += 1) {
      assert(ticks < TICKS_MAX, () => `the cluster does not come to rest: ${this.cluster.describe()}`);
      work();
      this.tick();
      quiet = history.opMax === opMax ? quiet + 1 : 0;
      opMax = history.opMax;
    }
  }

  /** A process that has refused to go on is gone. */
  #buryRefused(machine: Machine): string | null {
    if (machine.state !== "refused") return null;
    const { message } = machine.refusal;
    this.#logLines.push(message);
    this.stop(machine.index);
    return message;
  }

  #onPacket(event: "sent" | "arrived", packet: Packet): void {
    if (event === "sent") return;
    this.watch.onArrived(packet);
    this.#onArrived(packet);
  }
}
