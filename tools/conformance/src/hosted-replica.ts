/**
 * A replica of the production configuration in this process, whose clock the recording sets.
 *
 * @module
 */
import { AOF, MemoryFile } from "@stagbeetle/aof";
import { formatDisk, LogOnDisk, SimulatedDisk, SimulatedStorage, TICK_NS } from "@stagbeetle/io-sim";
import { Journal } from "@stagbeetle/journal";
import { createKernels, LinearMemory } from "@stagbeetle/kernels";
import { type AccountingStateMachine, accountingStore } from "@stagbeetle/state-machine";
import {
  type CheckpointIds,
  Checksums,
  HEADER_SIZE_BYTES,
  MessageBuffer,
  type MessageBus,
  messagesMax,
  MessagePool,
  PrepareHeader,
  PRODUCTION,
  Random,
  recordBytes,
  type Release,
  Replica,
  type ReplicaOptions,
  SILENT_LOGGER,
  SuperBlock,
} from "@stagbeetle/vsr-protocol";

/** The defaults of `start` (spec 06 §4.3). */
const PIPELINE_REQUEST_QUEUE_LIMIT = 24;
/** Beside messages: the store's memory tables and blocks. What is not touched costs nothing. */
const OTHER_MEMORY_SIZE_BYTES = 3 * 1024 * 1024 * 1024;
/** As `--development` has it. */
const CACHE_GRID_SIZE_BYTES = 64 * PRODUCTION.cluster.blockSize;
/** More ticks than pass between two pulses that are due. */
const PULSE_TICKS_MAX = 100;

/** What the recorded server was started with. */
export interface HostedReplicaOptions {
  readonly cluster: bigint;
  readonly release: Release;
  readonly releaseClientMin: Release;
  /** What the server told its clients that a request's body may have. */
  readonly batchSizeLimit: number;
  readonly aofRecovery: boolean;
  /** Its index; the only one of its cluster unless said. */
  readonly replica?: number;
  /** How many replicas the cluster has. */
  readonly replicaCount?: number;
}

/** A message to another replica. */
export interface SentToReplica {
  readonly to: number;
  readonly bytes: Uint8Array;
}

interface Running {
  readonly storage: SimulatedStorage;
  readonly replica: Replica;
  readonly journal: Journal;
  readonly machine: AccountingStateMachine;
  readonly pool: MessagePool;
  readonly checksums: Checksums;
  readonly superblock: SuperBlock;
}

/** Starts a replica on a formatted disk, feeds it frames one at a time, and lets it come to rest after each. */
export class HostedReplica {
  readonly #options: HostedReplicaOptions;
  readonly #disk = new SimulatedDisk();
  readonly #sent: Uint8Array[] = [];
  readonly #aofFile: MemoryFile;
  /** That of the storage, which is a new one with each start; the file stays. */
  #nextTick: (callback: () => void) => void = () => undefined;
  readonly #sentToReplicas: SentToReplica[] = [];
  readonly #bus: MessageBus = {
    tick: () => undefined,
    sendMessageToReplica: (to, message) => this.#sentToReplicas.push({ to, bytes: message.bytes().slice() }),
    sendMessageToClient: (_, message) => this.#sent.push(message.bytes().slice()),
    resumeReceive: () => undefined,
  };
  #realtimeNs = 1n;
  #monotonicNs = 1n;
  #running: Running;

  constructor(options: HostedReplicaOptions) {
    this.#options = options;
    this.#aofFile = new MemoryFile({ nextTick: (callback) => this.#nextTick(callback) });
    const { cluster, release, replica = 0, replicaCount = 1 } = options;
    formatDisk(this.#disk, { config: PRODUCTION, cluster, release, replica, replicaCount, view: 0 });
    this.#running = this.#start();
  }

  /** The op at the head of the log. */
  get op(): number {
    return this.#running.replica.state.op;
  }

  /** The header of the prepare of this op, 256 bytes. */
  prepareHeader(op: number): Uint8Array | null {
    const header = this.#running.journal.headerWithOp(op);
    return header === null ? null : recordBytes(header);
  }

  /** How many timestamps the events of a request take, in nanoseconds. */
  timestampsNeeded(operation: number, body: Uint8Array): bigint {
    const { machine } = this.#running;
    if (!machine.operationValid(operation) || !machine.inputValid(operation, body)) return 0n;
    const before = machine.prepareTimestamp;
    machine.prepare(operation, body);
    const needed = machine.prepareTimestamp - before;
    machine.prepareTimestamp = before;
    return needed;
  }

  /** The highest op that was executed. */
  get commitMin(): number {
    return this.#running.replica.state.commitMin;
  }

  /**
   * Delivers a frame on a connection of its own. Nothing asynchronous that follows from it has happened yet.
   *
   * @param realtime what the wall clock shows (nanoseconds since the Unix epoch); null leaves it alone.
   * @returns why the connection would be closed, or null.
   */
  deliver(frame: Uint8Array, realtime: bigint | null): string | null {
    const { replica, pool, checksums } = this.#running;
    if (realtime !== null) this.#realtimeNs = realtime;
    const buffer = new MessageBuffer(pool, checksums);
    buffer.receive(frame);
    replica.onMessages(buffer);
    const { invalid } = buffer;
    buffer.close();
    return invalid;
  }

  /** Ticks until the pulse timer fires while the wall clock shows `realtime`. The pulse is not executed yet. */
  pulse(realtime: bigint): void {
    this.#realtimeNs = realtime;
    const before = this.op;
    for (let tick = 0; tick < PULSE_TICKS_MAX && this.op === before; tick += 1) {
      this.#monotonicNs += TICK_NS;
      this.#running.storage.tick();
      this.#running.replica.tick();
    }
  }

  /** Lets 10 ms pass. Nothing asynchronous that follows from it has happened yet. */
  tick(): void {
    this.#monotonicNs += TICK_NS;
    this.#realtimeNs += TICK_NS;
    this.#running.storage.tick();
    this.#running.replica.tick();
  }

  /** One line for people. */
  describe(): string {
    return this.#running.replica.describe();
  }

  /** What the replica has written. */
  get disk(): SimulatedDisk {
    return this.#disk;
  }

  /** What the replica has written to its append-only file. */
  get aof(): Uint8Array {
    return this.#aofFile.bytes;
  }

  /** Completes one request of the disk. False if there is none: the replica is at rest. */
  step(): boolean {
    return this.#running.storage.step();
  }

  /** Takes what was sent to clients since the last call, in order. */
  takeSent(): readonly Uint8Array[] {
    return this.#sent.splice(0);
  }

  /** Takes what was sent to other replicas since the last call, in order. */
  takeSentToReplicas(): readonly SentToReplica[] {
    return this.#sentToReplicas.splice(0);
  }

  /** The ids of the checkpoint that the replica is at. */
  get checkpointIds(): CheckpointIds {
    return this.#running.superblock.checkpointIds;
  }

  /**
   * Stops the replica, puts prepares into its log as they are, and starts it again: it executes them, and writes the
   * checkpoints that are due.
   *
   * @param prepares follow the log without a gap. They may be from several views.
   */
  restartWith(prepares: readonly Uint8Array[]): void {
    this.#adopt(prepares.map((bytes) => new PrepareHeader(bytes)));
    this.#running.storage.crash();
    const log = new LogOnDisk(PRODUCTION, this.#disk);
    for (const prepare of prepares) log.write(prepare);
    this.#running = this.#start();
  }

  /** Stops the replica and starts it again on the same disk. */
  restart(): void {
    this.#running.storage.crash();
    this.#running = this.#start();
  }

  /** Makes the end of a log that of the superblock's view: what is above it would have to be from that very view. */
  #adopt(log: readonly PrepareHeader[]): void {
    const { superblock, storage, replica } = this.#running;
    const view = Math.max(replica.state.view + 1, ...log.map((header) => header.view));
    const headers = log.slice(-PRODUCTION.cluster.viewChangeHeadersSuffixMax).toReversed();
    const { commitMax } = replica.state;
    let durable = false;
    superblock.viewChange({ view, logView: view, headers, commitMax, syncCheckpoint: null }, () => (durable = true));
    while (storage.step());
    if (!durable) throw new Error(`the view is not written: ${superblock.describe()}`);
  }

  #start(): Running {
    const messages = messagesMax(PRODUCTION, this.#replicaOptions.addressCount, PIPELINE_REQUEST_QUEUE_LIMIT);
    const { messageSizeMax } = PRODUCTION.cluster;
    const memory = new LinearMemory({ sizeBytes: messages * messageSizeMax + OTHER_MEMORY_SIZE_BYTES });
    const kernels = createKernels({ memory });
    const checksums = new Checksums(kernels);
    const storage = new SimulatedStorage({ config: PRODUCTION, disk: this.#disk, random: new Random(0) });
    this.#nextTick = (callback) => storage.nextTick(callback);
    const shared = { config: PRODUCTION, memory, storage, checksums, logger: SILENT_LOGGER };
    const storageSizeLimit = PRODUCTION.process.storageSizeLimitMax;
    const pool = new MessagePool({ memory, messageSizeMax, messagesMax: messages });
    const superblock = new SuperBlock({ ...shared, storageSizeLimit });
    const journal = new Journal({ ...shared, messagePool: pool });
    const { stateMachine: machine, checkpointStore } = accountingStore({
      ...shared,
      kernels,
      superblock,
      storageSizeLimit,
      random: new Random(0),
      cacheGridSizeBytes: CACHE_GRID_SIZE_BYTES,
      cacheObjects: { accounts: 0, transfers: 0, transfersPending: 0 },
      batchSizeLimit: this.#options.batchSizeLimit,
      aofRecovery: this.#options.aofRecovery,
    });
    const replica = new Replica(this.#replicaOptions, {
      ...shared,
      superblock,
      journal,
      stateMachine: machine,
      checkpointStore,
      pool,
      bus: this.#bus,
      time: { monotonic: () => this.#monotonicNs, realtime: () => this.#realtimeNs },
      aof: new AOF({ config: PRODUCTION, file: this.#aofFile }),
      onMetrics: null,
    });
    let serving = false;
    replica.open(() => (serving = true));
    while (storage.step());
    if (!serving) throw new Error(`the replica does not serve: ${replica.describe()}`);
    return { storage, replica, journal, machine, pool, checksums, superblock };
  }

  get #replicaOptions(): ReplicaOptions {
    const { cluster, release, releaseClientMin, batchSizeLimit, aofRecovery, replicaCount = 1 } = this.#options;
    return {
      config: PRODUCTION,
      cluster,
      addressCount: replicaCount,
      release,
      releaseClientMin,
      requestSizeLimit: HEADER_SIZE_BYTES + batchSizeLimit,
      pipelineRequestQueueLimit: PIPELINE_REQUEST_QUEUE_LIMIT,
      nonce: 1n,
      aofRecovery,
    };
  }
}
