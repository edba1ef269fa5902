/**
 * One simulated machine: a disk and a clock that survive everything, and a replica that can be stopped at any moment.
 *
 * @module
 */
import { AOF, MemoryFile } from "@stagbeetle/aof";
import type { Block } from "@stagbeetle/grid";
import { Journal } from "@stagbeetle/journal";
import { assert, LinearMemory } from "@stagbeetle/kernels";
import type { DataFileStore } from "@stagbeetle/state-machine";
import {
  type AppendOnlyFile,
  type Checksums,
  Command,
  type Committing,
  type Config,
  FatalError,
  type Logger,
  type Message,
  type MessageBuffer,
  type MessageBus,
  type MessageBusReceiver,
  MessagePool,
  messagesMax,
  Random,
  type Release,
  Replica,
  type ReplicaOptions,
  type ReplicaState,
  ReplyHeader,
  SILENT_LOGGER,
  SuperBlock,
  type Zone,
  zoneStart,
} from "@stagbeetle/vsr-protocol";

import { SimulatedBodyChecksums } from "../body-checksums.ts";
import { SimulatedDisk } from "../disk.ts";
import type { FaultAtlas } from "../faults/atlas.ts";
import { type Latency, NO_STORAGE_FAULTS, type StorageFaults } from "../faults/storage-faults.ts";
import { formatDisk } from "../format-disk.ts";
import { LogOnDisk } from "../log-on-disk.ts";
import type { SimulatedMessageBus } from "../network/message-bus.ts";
import type { SimulatedNetwork } from "../network/network.ts";
import { SimulatedStorage, type StorageIncident } from "../storage.ts";
import { SimulatedTime, type SimulatedTimeOptions } from "../time.ts";
import type { Application, Foundation } from "./application.ts";
import { ObservedStateMachine } from "./observed-state-machine.ts";

/** The replica is stopped; it starts; it serves; it refused to start, or to go on, with a line for the operator. */
export type MachineState = "down" | "opening" | "serving" | "refused";

/** What others see of a machine. `replica` is its index. */
export interface MachineObserver {
  onStart(replica: number): void;
  onServing(replica: number, state: ReplicaState): void;
  /** Before a prepare is executed by a release. */
  onPrepare(replica: number, prepare: Message, release: Release): void;
  /** After a prepare was executed. */
  onResult(replica: number, committing: Committing, result: Uint8Array): void;
  /** A reply leaves. */
  onReplySent(replica: number, reply: ReplyHeader): void;
}

/** Looks at a machine while it works. */
export interface MachineInspector {
  /** After everything that it does while it serves. */
  inspect(machine: Machine): void;
  /** Its forest has been opened, as of its checkpoint. */
  onOpened(machine: Machine): void;
  /** Its forest has compacted after an op. */
  onCompacted(machine: Machine, op: number): void;
  /** Its forest has been written for a checkpoint, which the superblock does not have yet. */
  onCheckpointed(machine: Machine): void;
  /** Its grid has a block, which is good during the call. */
  onBlock(machine: Machine, block: Block): void;
}

/** Hears nothing. */
export const NO_OBSERVER: MachineObserver = {
  onStart: () => undefined,
  onServing: () => undefined,
  onPrepare: () => undefined,
  onResult: () => undefined,
  onReplySent: () => undefined,
};

/** Looks at nothing. */
export const NO_INSPECTOR: MachineInspector = {
  inspect: () => undefined,
  onOpened: () => undefined,
  onCompacted: () => undefined,
  onCheckpointed: () => undefined,
  onBlock: () => undefined,
};

/** What a machine is made of. */
export interface MachineOptions {
  readonly config: Config;
  readonly application: Application;
  readonly network: SimulatedNetwork;
  readonly checksums: Checksums;
  readonly cluster: bigint;
  readonly replica: number;
  readonly replicaCount: number;
  readonly standbyCount: number;
  readonly release: Release;
  readonly releaseClientMin: Release;
  /** The largest size of the data file in bytes; that of the configuration unless said. */
  readonly storageSizeLimit?: number;
  /** The source of nonces and of what goes wrong with the disk. */
  readonly random: Random;
  readonly time: SimulatedTimeOptions;
  /** How long checksums of blocks take; null if the replica computes them itself, at once. */
  readonly checksumLatency: Latency | null;
  readonly atlas: FaultAtlas;
  readonly observer: MachineObserver;
  readonly inspector: MachineInspector;
  readonly onIncident: (incident: StorageIncident) => void;
  readonly logger?: Logger;
}

/** Beside the messages: sessions, headers of the log, superblock. */
const SIZE_BESIDE_MESSAGES_BYTES = 2 * 1024 * 1024;

/** More ticks of the disk than any start takes. */
const OPENING_TICKS_MAX = 100_000;

/** What exists from a start of the replica to its end. */
interface Life {
  readonly storage: SimulatedStorage;
  /** Null if checksums are computed at once. */
  readonly bodyChecksums: SimulatedBodyChecksums | null;
  readonly pool: MessagePool;
  readonly bus: SimulatedMessageBus;
  readonly journal: Journal;
  readonly superblock: SuperBlock;
  readonly stateMachine: ObservedStateMachine;
  readonly store: DataFileStore | null;
  readonly replica: Replica;
}

/** A machine of a cluster. Driven from outside: `tick` lets 10 ms pass, `step` completes a request of the disk and a checksum. */
export class Machine implements MessageBusReceiver {
  /** What it holds; another one after {@link Machine.replaceDisk}. */
  disk: SimulatedDisk = new SimulatedDisk();
  /** The log on that disk. */
  logOnDisk: LogOnDisk;
  /** Its append-only file, which is lost with the disk. */
  aofFile: MemoryFile = this.#createAofFile();
  readonly time: SimulatedTime;
  readonly #options: MachineOptions;
  /** Says how much a power failure leaves of the append-only file. */
  readonly #aofRandom: Random;
  #state: MachineState = "down";
  #life: Life | null = null;
  #lives = 0;
  /** The releases that are installed, ascending. */
  #releasesBundled: readonly Release[];
  #release: Release;
  /** The release that has to go on with the data file, once the call that found out has returned. */
  #releaseNext: Release | null = null;
  #storageFaults: StorageFaults = NO_STORAGE_FAULTS;
  #stateBeforeCrash: ReplicaState | null = null;
  #refusal: FatalError | null = null;
  #paused = false;

  constructor(options: MachineOptions) {
    this.#options = options;
    this.logOnDisk = new LogOnDisk(options.config, this.disk);
    this.#releasesBundled = [options.release];
    this.#release = options.release;
    this.time = new SimulatedTime(options.time);
    // Of its own, so that all else happens as it would without such a file.
    this.#aofRandom = new Random(BigInt.asUintN(64, options.cluster) + BigInt(options.replica));
  }

  get state(): MachineState {
    return this.#state;
  }

  /** Its index: replicas first, then standbys. */
  get index(): number {
    return this.#options.replica;
  }

  get standby(): boolean {
    return this.#options.replica >= this.#options.replicaCount;
  }

  /** Whether a replica runs: it is not down and has not refused. A machine that stands still is up. */
  get up(): boolean {
    return this.#state === "opening" || this.#state === "serving";
  }

  /** The release that runs, or ran last. */
  get release(): Release {
    return this.#release;
  }

  /** The releases that are installed, ascending. */
  get releasesBundled(): readonly Release[] {
    return this.#releasesBundled;
  }

  /** Installs releases, ascending. A replica that runs hears of them when it starts again. */
  set releasesBundled(releases: readonly Release[]) {
    this.#releasesBundled = releases;
  }

  /** How often its replica was started. */
  get lives(): number {
    return this.#lives;
  }

  /** Whether it stands still: nothing of it goes on but its clocks. */
  get paused(): boolean {
    return this.#paused;
  }

  /** Why the replica refused to start or to go on. */
  get refusal(): FatalError {
    assert(this.#refusal !== null, "the replica did not refuse");
    return this.#refusal;
  }

  /** The replica that runs. */
  get replica(): Replica {
    return this.#running.replica;
  }

  /** Where the replica stood when it stopped; null if it did not serve. */
  get stateBeforeCrash(): ReplicaState | null {
    return this.#stateBeforeCrash;
  }

  /** The log of the replica that runs. */
  get journal(): Journal {
    return this.#running.journal;
  }

  /** The superblock of the replica that runs. */
  get superblock(): SuperBlock {
    return this.#running.superblock;
  }

  /** What the state machine of the replica that runs stands on; null if it writes no checkpoints. */
  get store(): DataFileStore | null {
    return this.#running.store;
  }

  /** Lets the state machine do nothing until {@link Machine.resumeExecution}: the op that is under way stays so. */
  stallExecution(): void {
    this.#running.stateMachine.stall();
  }

  /** Lets the state machine go on. */
  resumeExecution(): void {
    this.#running.stateMachine.resume();
  }

  /** Lets writes to a zone of the disk hang until the replica is started again. */
  holdWrites(zone: Zone): void {
    this.#running.storage.hold(zone);
  }

  /** What goes wrong with the disk from now on. */
  set storageFaults(faults: StorageFaults) {
    this.#storageFaults = faults;
    this.#running.storage.faults = faults;
  }

  /** How many requests of the disk and checksums are under way. */
  get pendingCount(): number {
    if (this.#life === null) return 0;
    const { storage, bodyChecksums } = this.#life;
    return storage.pendingCount + (bodyChecksums?.pendingCount ?? 0);
  }

  /** Whether a write to this zone of the disk is under way. */
  writing(zone: Zone): boolean {
    return this.#life?.storage.writing(zone) ?? false;
  }

  /** How many messages of the pool somebody holds beside the network, which keeps some for every connection. */
  get messagesHeld(): number {
    const { pool, bus } = this.#running;
    return pool.messagesMax - pool.available - bus.messagesHeld;
  }

  /** Asserts that no message of the pool is lost, if nothing is under way that may hold some. */
  assertMessagesHeld(): void {
    if (this.#state !== "serving" || this.pendingCount > 0 || this.#running.bus.queued) return;
    const { status, commitStage, syncStage } = this.replica.state;
    if (status !== "normal" || commitStage !== "idle" || syncStage !== "idle") return;
    const { messagesHeld } = this.replica;
    assert(
      this.messagesHeld === messagesHeld,
      () => `replica ${this.index}: ${this.messagesHeld} messages are in use, the pipeline has ${messagesHeld}`,
    );
  }

  /** The disk is lost, and a new one takes its place. */
  replaceDisk(): void {
    assert(this.#state === "down", () => `a disk is replaced while its machine is ${this.#state}`);
    this.disk = new SimulatedDisk();
    this.logOnDisk = new LogOnDisk(this.#options.config, this.disk);
    this.aofFile = this.#createAofFile();
  }

  /** Formats the disk, at once. `view` is 0, or for a replica that was lost the first view that it may take part in. */
  format(view = 0): void {
    assert(this.#state === "down", () => `a disk is formatted while its machine is ${this.#state}`);
    const { config, cluster, release, replica, replicaCount, random } = this.#options;
    const options = { config, cluster, release, replica, replicaCount, view };
    formatDisk(this.disk, options, new Random(random.u64()));
  }

  /**
   * Starts the newest installed release on what the disk holds. It serves, or refuses to, some steps later.
   *
   * @param damage whether the damage of the disk shows while the replica starts, or only when it serves.
   */
  start(faults: StorageFaults, damage: "shown" | "masked" = "shown"): void {
    const newest = this.#releasesBundled.at(-1);
    assert(newest !== undefined, "a release is installed");
    this.#startRelease(newest, faults, damage);
  }

  /**
   * Lets only this machine's disk work, in time of its own, until the replica serves or knows its status, or has refused.
   */
  runUntilOpen(): void {
    for (let ticks = 0; this.#state === "opening"; ticks += 1) {
      assert(ticks < OPENING_TICKS_MAX, () => `the replica does not open: ${this.describe()}`);
      while (this.#state === "opening" && this.step());
      if (this.#state === "opening" && this.#life !== null) tickDevices(this.#life);
    }
  }

  /**
   * The power fails: what was being written is lost, torn or complete, and the replica is gone. Of the append-only file, what was
   * synced stays, and any part of the rest.
   */
  crash(): void {
    assert(this.#life !== null, () => `a machine crashes while it is ${this.#state}`);
    this.assertMessagesHeld();
    this.#stateBeforeCrash = this.#state === "serving" ? this.#life.replica.state : null;
    this.#life.storage.crash();
    const { sizeBytes, syncedSizeBytes } = this.aofFile;
    this.aofFile.truncate(syncedSizeBytes + this.#aofRandom.index(sizeBytes - syncedSizeBytes + 1));
    this.#options.network.remove(this.#options.replica);
    this.#life = null;
    this.#paused = false;
    this.#state = "down";
  }

  /** The machine stands still, as a virtual one that is moved does. Its clocks go on. */
  pause(): void {
    assert(this.up && !this.#paused, () => `a machine is paused while it is ${this.describe()}`);
    this.#paused = true;
    this.#options.network.pause(this.index);
  }

  /** The machine goes on. */
  unpause(): void {
    assert(this.#paused, "the machine does not stand still");
    this.#paused = false;
    this.#options.network.unpause(this.index);
  }

  /** Lets 10 ms pass. */
  tick(): void {
    this.time.tick();
    if (this.#state === "refused" || this.#life === null || this.#paused) return;
    const { replica } = this.#life;
    tickDevices(this.#life);
    this.#guard(() => replica.tick());
    this.#inspect();
  }

  /** Completes the request of the disk that is due first, and a checksum, if any. Returns whether anything happened. */
  step(): boolean {
    if (this.#state === "refused" || this.#life === null || this.#paused) return false;
    const { storage, bodyChecksums } = this.#life;
    let progressed = this.#guard(() => storage.step());
    // The first may have ended this life.
    if (bodyChecksums !== null && this.#life?.bodyChecksums === bodyChecksums) {
      progressed = this.#guard(() => bodyChecksums.step()) || progressed;
    }
    if (progressed) this.#inspect();
    return progressed;
  }

  onMessages(buffer: MessageBuffer): void {
    const { replica } = this.#running;
    if (this.#state === "refused") return;
    this.#guard(() => {
      replica.onMessages(buffer);
      return true;
    });
  }

  /** Where the block at this address begins on the disk, in bytes. */
  blockOffset(address: number): number {
    const { config } = this.#options;
    return zoneStart(config, "grid") + (address - 1) * config.cluster.blockSize;
  }

  /** One line for people. */
  describe(): string {
    if (this.#life === null) return this.#state;
    return `${this.#paused ? "paused" : this.#state}: ${this.#life.replica.describe()}`;
  }

  get #running(): Life {
    assert(this.#life !== null, () => `the machine is ${this.#state}`);
    return this.#life;
  }

  #startRelease(release: Release, faults: StorageFaults, damage: "shown" | "masked"): void {
    assert(this.#state === "down", () => `a machine is started while it is ${this.#state}`);
    this.#release = release;
    this.#storageFaults = faults;
    this.#state = "opening";
    this.#lives += 1;
    this.#options.observer.onStart(this.index);
    this.#life = this.#compose(faults);
    this.#life.storage.masked = damage === "masked";
    const { replica } = this.#life;
    this.#guard(() => replica.open(() => this.#onServing()));
  }

  #inspect(): void {
    if (this.#state === "serving") this.#options.inspector.inspect(this);
  }

  #onServing(): void {
    assert(this.#state === "opening", () => `the replica serves while it is ${this.#state}`);
    this.#state = "serving";
    this.#running.storage.masked = false;
    this.#options.observer.onServing(this.index, this.replica.state);
  }

  /** Lets the replica work. A line for the operator ends it, as it ends the process; a broken assertion ends the run. */
  #guard(work: () => boolean | void): boolean {
    try {
      const progressed = work() ?? true;
      if (this.#releaseNext !== null) this.#switchRelease(this.#releaseNext);
      return progressed;
    } catch (error) {
      if (!(error instanceof FatalError)) throw error;
      this.#refusal = error;
      this.#state = "refused";
      return false;
    }
  }

  /** Another release goes on with the data file, if it is installed. */
  #switchRelease(release: Release): void {
    this.#releaseNext = null;
    this.crash();
    if (this.#releasesBundled.includes(release)) this.#startRelease(release, this.#storageFaults, "masked");
  }

  /** Puts a replica together. The order in which its parts draw from the machine's generator decides what a seed means. */
  #compose(faults: StorageFaults): Life {
    const { config, network, checksums, random, logger = SILENT_LOGGER } = this.#options;
    const { storageSizeLimit = config.process.storageSizeLimitMax } = this.#options;
    const { messageSizeMax } = config.cluster;
    const memory = this.#createMemory();
    const storage = this.#createStorage(faults);
    const shared = { config, memory, storage, checksums, logger };
    const pool = new MessagePool({ memory, messageSizeMax, messagesMax: this.#messagesMax });
    const superblock = new SuperBlock({ ...shared, storageSizeLimit });
    const journal = new Journal({ ...shared, messagePool: pool });
    const bus = network.addReplica(this.index, { pool, receiver: this });
    const bodyChecksums = this.#createBodyChecksums();
    const { stateMachine, store } = this.#createStateMachine({
      ...shared,
      superblock,
      storageSizeLimit,
      ...(bodyChecksums === null ? {} : { bodyChecksums }),
      random: new Random(random.u64()),
    });
    const replica = new Replica(this.#replicaOptions(), {
      ...shared,
      pool,
      superblock,
      journal,
      stateMachine,
      checkpointStore: store?.checkpointStore ?? null,
      bus: this.#observedBus(bus),
      time: this.time,
      aof: this.#observedAof(),
      onMetrics: null,
      onReleaseSwitch: (next) => (this.#releaseNext = next),
    });
    return { storage, bodyChecksums, pool, bus, journal, superblock, stateMachine, store, replica };
  }

  get #nodeCount(): number {
    return this.#options.replicaCount + this.#options.standbyCount;
  }

  get #messagesMax(): number {
    const { config } = this.#options;
    return messagesMax(config, this.#nodeCount, config.derived.pipelineRequestQueueMax);
  }

  #createMemory(): LinearMemory {
    const { config, application } = this.#options;
    const messagesSizeBytes = this.#messagesMax * config.cluster.messageSizeMax;
    const sizeBytes = messagesSizeBytes + SIZE_BESIDE_MESSAGES_BYTES + application.memorySizeBytes;
    return new LinearMemory({ sizeBytes, shared: false });
  }

  #createStorage(faults: StorageFaults): SimulatedStorage {
    const { config, random, atlas, onIncident } = this.#options;
    const { disk } = this;
    return new SimulatedStorage({ config, disk, random: new Random(random.u64()), faults, atlas, onIncident });
  }

  #createBodyChecksums(): SimulatedBodyChecksums | null {
    const { checksums, random, checksumLatency: latency } = this.#options;
    if (latency === null) return null;
    return new SimulatedBodyChecksums({ checksums, random: new Random(random.u64()), latency });
  }

  /** A new state machine, which the observer and the inspector look at. */
  #createStateMachine(foundation: Omit<Foundation, "gridObserver">): Pick<Life, "stateMachine" | "store"> {
    const { application, observer, inspector } = this.#options;
    const { stateMachine, store } = application.create({
      ...foundation,
      gridObserver: { blockTouched: (block) => inspector.onBlock(this, block) },
    });
    const observed = new ObservedStateMachine(
      stateMachine,
      (committing, result) => observer.onResult(this.index, committing, result),
      {
        onOpened: () => inspector.onOpened(this),
        onCompacted: (op) => inspector.onCompacted(this, op),
        onCheckpointed: () => inspector.onCheckpointed(this),
      },
    );
    return { stateMachine: observed, store };
  }

  #replicaOptions(): ReplicaOptions {
    const { config, cluster, random, releaseClientMin } = this.#options;
    return {
      config,
      cluster,
      addressCount: this.#nodeCount,
      release: this.#release,
      releasesBundled: () => this.#releasesBundled,
      releaseClientMin,
      requestSizeLimit: config.cluster.messageSizeMax,
      pipelineRequestQueueLimit: config.derived.pipelineRequestQueueMax,
      nonce: random.u128() | 1n,
      aofRecovery: false,
    };
  }

  /** Shows the observer every reply before it leaves. */
  #observedBus(bus: SimulatedMessageBus): MessageBus {
    return {
      tick: () => bus.tick(),
      sendMessageToReplica: (replica, message) => bus.sendMessageToReplica(replica, message),
      sendMessageToClient: (client, message) => {
        if (message.header.command === Command.reply) {
          this.#options.observer.onReplySent(this.index, message.as(ReplyHeader));
        }
        bus.sendMessageToClient(client, message);
      },
      resumeReceive: () => bus.resumeReceive(),
    };
  }

  /** Shows the observer every prepare before it is appended: the replica does that before it executes it. */
  #observedAof(): AppendOnlyFile {
    const aof = new AOF({ config: this.#options.config, file: this.aofFile });
    const release = this.#release;
    return {
      write: (prepare) => {
        this.#options.observer.onPrepare(this.index, prepare, release);
        aof.write(prepare);
      },
      checkpoint: (callback) => aof.checkpoint(callback),
      stateSynced: () => aof.stateSynced(),
    };
  }

  #createAofFile(): MemoryFile {
    return new MemoryFile({ nextTick: (callback) => this.#running.storage.nextTick(callback) });
  }
}

/** Lets 10 ms pass for all that works beside the replica. */
function tickDevices({ storage, bodyChecksums }: Life): void {
  storage.tick();
  bodyChecksums?.tick();
}
