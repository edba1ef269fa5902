/**
 * One simulated machine: a disk and a clock that survive everything, and a replica that can be stopped at any moment.
 *
 * @module
 */
import { Journal } from "@stagbeetle/journal";
import { assert, LinearMemory } from "@stagbeetle/kernels";
import {
  type AppendOnlyFile,
  type Checksums,
  Command,
  type Committing,
  type Config,
  FatalError,
  formatDataFile,
  HEADER_SIZE_BYTES,
  type Logger,
  type Message,
  type MessageBuffer,
  type MessageBus,
  type MessageBusReceiver,
  MessagePool,
  messagesMax,
  PrepareHeader,
  Random,
  type Release,
  Replica,
  type ReplicaState,
  ReplyHeader,
  SECTOR_SIZE_BYTES,
  sectorFloor,
  SILENT_LOGGER,
  type Storage,
  SuperBlock,
  type Zone,
  zoneStart,
} from "@stagbeetle/vsr-protocol";

import type { LogOnDisk } from "../checkers/history.ts";
import { SimulatedDisk } from "../disk.ts";
import type { FaultAtlas } from "../faults/atlas.ts";
import type { StorageFaults } from "../faults/storage-faults.ts";
import type { SimulatedMessageBus } from "../network/message-bus.ts";
import type { SimulatedNetwork } from "../network/network.ts";
import { SimulatedStorage, type StorageIncident } from "../storage.ts";
import { SimulatedTime, type SimulatedTimeOptions } from "../time.ts";
import type { Application } from "./application.ts";
import { ObservedStateMachine } from "./observed-state-machine.ts";

/** The replica is stopped; it starts; it serves; it refused to start, or to go on, with a line for the operator. */
export type MachineState = "down" | "opening" | "serving" | "refused";

/** What others see of a machine. */
export interface MachineObserver {
  onStart(): void;
  onServing(state: ReplicaState): void;
  /** Before a prepare is executed. */
  onPrepare(prepare: Message): void;
  /** After a prepare was executed. */
  onResult(committing: Committing, result: Uint8Array): void;
  /** A reply leaves. */
  onReplySent(reply: ReplyHeader, log: LogOnDisk): void;
}

/** What a machine is made of. */
export interface MachineOptions {
  readonly config: Config;
  readonly application: Application;
  readonly network: SimulatedNetwork;
  readonly checksums: Checksums;
  readonly cluster: bigint;
  readonly replica: number;
  readonly replicaCount: number;
  readonly release: Release;
  readonly releaseClientMin: Release;
  /** The source of nonces and of what goes wrong with the disk. */
  readonly random: Random;
  readonly time: SimulatedTimeOptions;
  readonly atlas: FaultAtlas;
  readonly observer: MachineObserver;
  readonly onIncident: (incident: StorageIncident) => void;
  readonly logger?: Logger;
}

/** Beside the messages: sessions, headers of the log, superblock. */
const SIZE_BESIDE_MESSAGES_BYTES = 2 * 1024 * 1024;

/** What exists from a start of the replica to its end. */
interface Life {
  readonly storage: SimulatedStorage;
  readonly pool: MessagePool;
  readonly bus: SimulatedMessageBus;
  readonly replica: Replica;
}

/** A machine of a cluster. Driven from outside: `tick` lets 10 ms pass, `step` completes one request of the disk. */
export class Machine implements MessageBusReceiver {
  readonly disk: SimulatedDisk = new SimulatedDisk();
  readonly time: SimulatedTime;
  readonly #options: MachineOptions;
  #state: MachineState = "down";
  #life: Life | null = null;
  #refusal: FatalError | null = null;

  constructor(options: MachineOptions) {
    this.#options = options;
    this.time = new SimulatedTime(options.time);
  }

  get state(): MachineState {
    return this.#state;
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

  /** How many requests of the disk are under way. */
  get pendingCount(): number {
    return this.#life?.storage.pendingCount ?? 0;
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

  /** Formats the disk, at once. */
  format(): void {
    assert(this.#state === "down", () => `a disk is formatted while its machine is ${this.#state}`);
    const { config, cluster, release, replica, replicaCount, random } = this.#options;
    const storage = new SimulatedStorage({ config, disk: this.disk, random });
    let formatted = false;
    formatDataFile(
      {
        config,
        storage,
        memory: new LinearMemory({ sizeBytes: SIZE_BESIDE_MESSAGES_BYTES, shared: false }),
        logger: SILENT_LOGGER,
        cluster,
        release,
        replica,
        replicaCount,
        view: 0,
      },
      () => (formatted = true),
    );
    while (storage.step());
    assert(formatted, "the disk was not formatted");
  }

  /** Starts the replica on what the disk holds. It serves, or refuses to, some steps later. */
  start(faults: StorageFaults): void {
    assert(this.#state === "down", () => `a machine is started while it is ${this.#state}`);
    this.#state = "opening";
    this.#options.observer.onStart();
    this.#life = this.#compose(faults);
    const { replica } = this.#life;
    this.#guard(() => replica.open(() => this.#onServing()));
  }

  /** The power fails: what was being written is lost, torn or complete, and the replica is gone. */
  crash(): void {
    assert(this.#life !== null, () => `a machine crashes while it is ${this.#state}`);
    this.#life.storage.crash();
    this.#options.network.remove(this.#options.replica);
    this.#life = null;
    this.#state = "down";
  }

  /** Lets 10 ms pass. */
  tick(): void {
    this.time.tick();
    if (this.#state === "refused" || this.#life === null) return;
    const { storage, replica } = this.#life;
    storage.tick();
    this.#guard(() => replica.tick());
  }

  /** Completes the request of the disk that is due first, if any. Returns whether anything happened. */
  step(): boolean {
    if (this.#state === "refused" || this.#life === null) return false;
    const { storage } = this.#life;
    return this.#guard(() => storage.step());
  }

  onMessages(buffer: MessageBuffer): void {
    const { replica } = this.#running;
    this.#guard(() => {
      replica.onMessages(buffer);
      return true;
    });
  }

  /** One line for people. */
  describe(): string {
    return this.#life === null ? this.#state : `${this.#state}: ${this.#life.replica.describe()}`;
  }

  get #running(): Life {
    assert(this.#life !== null, () => `the machine is ${this.#state}`);
    return this.#life;
  }

  #onServing(): void {
    assert(this.#state === "opening", () => `the replica serves while it is ${this.#state}`);
    this.#state = "serving";
    this.#options.observer.onServing(this.replica.state);
  }

  /** Lets the replica work. A line for the operator ends it, as it ends the process; a broken assertion ends the run. */
  #guard(work: () => boolean | void): boolean {
    try {
      return work() ?? true;
    } catch (error) {
      if (!(error instanceof FatalError)) throw error;
      this.#refusal = error;
      this.#state = "refused";
      return false;
    }
  }

  #compose(faults: StorageFaults): Life {
    const { config, application, network, checksums, random, atlas, observer, onIncident } = this.#options;
    const { replica: index, replicaCount, cluster, release, releaseClientMin, logger = SILENT_LOGGER } = this.#options;
    const { messageSizeMax } = config.cluster;
    const requestQueueMax = config.derived.pipelineRequestQueueMax;
    const messageCount = messagesMax(config, replicaCount, requestQueueMax);
    const memory = new LinearMemory({
      sizeBytes: messageCount * messageSizeMax + SIZE_BESIDE_MESSAGES_BYTES + application.memorySizeBytes,
      shared: false,
    });
    const pool = new MessagePool({ memory, messageSizeMax, messagesMax: messageCount });
    const storage = new SimulatedStorage({
      config,
      disk: this.disk,
      random: new Random(random.u64()),
      faults,
      atlas,
      onIncident,
    });
    const { storageSizeLimitMax: storageSizeLimit } = config.process;
    const superblock = new SuperBlock({ config, storage, memory, storageSizeLimit, logger });
    const journal = new Journal({ config, memory, storage, messagePool: pool, checksums, logger });
    const bus = network.addReplica(index, { pool, receiver: this });
    const foundation = { config, memory, checksums, storage, superblock, random: new Random(random.u64()), logger };
    const { stateMachine, checkpointStore } = application.create(foundation);
    const onResult = (committing: Committing, result: Uint8Array): void => observer.onResult(committing, result);
    const replica = new Replica(
      {
        config,
        cluster,
        addressCount: replicaCount,
        release,
        releaseClientMin,
        requestSizeLimit: messageSizeMax,
        pipelineRequestQueueLimit: requestQueueMax,
        nonce: random.u128() | 1n,
        aofRecovery: false,
      },
      {
        memory,
        storage,
        superblock,
        journal,
        stateMachine: new ObservedStateMachine(stateMachine, onResult),
        checkpointStore,
        bus: this.#observedBus(bus),
        time: this.time,
        logger,
        pool,
        checksums,
        aof: observedAof(storage, (prepare) => observer.onPrepare(prepare)),
        onMetrics: null,
      },
    );
    return { storage, pool, bus, replica };
  }

  /** Shows the observer every reply before it leaves. */
  #observedBus(bus: SimulatedMessageBus): MessageBus {
    return {
      tick: () => bus.tick(),
      sendMessageToReplica: (replica, message) => bus.sendMessageToReplica(replica, message),
      sendMessageToClient: (client, message) => {
        if (message.header.command === Command.reply) this.#onReplySent(message.as(ReplyHeader));
        bus.sendMessageToClient(client, message);
      },
      resumeReceive: () => bus.resumeReceive(),
    };
  }

  #onReplySent(reply: ReplyHeader): void {
    const { config, observer } = this.#options;
    const slot = reply.op % config.cluster.journalSlotCount;
    const header = this.#headerOnDisk(zoneStart(config, "walHeaders") + slot * HEADER_SIZE_BYTES);
    const prepare = this.#headerOnDisk(zoneStart(config, "walPrepares") + slot * config.cluster.messageSizeMax);
    observer.onReplySent(reply, { opCheckpoint: this.replica.state.opCheckpoint, prepare, header });
  }

  #headerOnDisk(offset: number): PrepareHeader {
    const sector = new Uint8Array(SECTOR_SIZE_BYTES);
    const sectorOffset = sectorFloor(offset);
    this.disk.readPristine(sectorOffset, sector);
    return new PrepareHeader(sector, offset - sectorOffset);
  }
}

/** An append-only file that is only looked at: the replica writes every prepare to it before executing it. */
function observedAof(storage: Storage, onPrepare: (prepare: Message) => void): AppendOnlyFile {
  return {
    write: onPrepare,
    checkpoint: (callback) => storage.nextTick(callback),
    stateSynced: () => undefined,
  };
}
