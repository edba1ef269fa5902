/**
 * A single replica in memory, and clients that talk to it: the stage on which the replica's tests play.
 *
 * @module
 */
import { assert, LinearMemory } from "@stagbeetle/kernels";
import {
  type AppendOnlyFile,
  type CheckpointStore,
  Checksums,
  Command,
  type Config,
  EvictionHeader,
  formatDataFile,
  type FormatOptions,
  Header,
  HEADER_SIZE_BYTES,
  initHeader,
  type Message,
  MessageBuffer,
  type MessageBus,
  MessagePool,
  messagesMax,
  Operation,
  PingClientHeader,
  PrepareHeader,
  releaseOf,
  Replica,
  type ReplicaMetrics,
  type ReplicaOptions,
  type ReplicaPorts,
  ReplyHeader,
  RequestHeader,
  SuperBlock,
  TEST_MIN,
  type Time,
} from "@stagbeetle/vsr-protocol";
import { RecordingLogger } from "./builders.ts";
import { MemoryJournal } from "./memory-journal.ts";
import { CheckpointedTally } from "./checkpointed-tally.ts";
import { MemoryGrid, MemoryTrailer, NO_SCRUBBER, NO_TABLES } from "./memory-grid.ts";
import { MemoryStorage } from "./memory-storage.ts";
import { Tally, TallyMachine } from "./tally.ts";

export { Tally, TallyMachine };

export const RELEASE_NOW: number = releaseOf(0, 17, 9);
export const RELEASE_CLIENT_MIN: number = releaseOf(0, 17, 0);

/** Clocks that the test sets. */
export class TestTime implements Time {
  monotonicNs = 1n;
  realtimeNs = 1_000_000n;
  /** What passes on the monotonic clock after each reading. */
  readingNs = 0n;

  monotonic(): bigint {
    const now = this.monotonicNs;
    this.monotonicNs += this.readingNs;
    return now;
  }

  realtime(): bigint {
    return this.realtimeNs;
  }

  /** Lets time pass. */
  advance(ns: bigint): void {
    this.monotonicNs += ns;
    this.realtimeNs += ns;
  }
}

/** A message as a client got it: bytes of its own. */
export class Received {
  readonly client: bigint;
  readonly bytes: Uint8Array;

  constructor(client: bigint, message: Message) {
    this.client = client;
    this.bytes = message.bytes().slice();
  }

  get command(): number {
    return new Header(this.bytes).command;
  }

  get reply(): ReplyHeader {
    assert(this.command === Command.reply, () => `command ${this.command} is no reply`);
    return new ReplyHeader(this.bytes);
  }

  get eviction(): EvictionHeader {
    assert(this.command === Command.eviction, () => `command ${this.command} is no eviction`);
    return new EvictionHeader(this.bytes);
  }

  get body(): Uint8Array {
    return this.bytes.subarray(HEADER_SIZE_BYTES);
  }

  /** The two numbers of an `add`. */
  get tally(): { readonly count: number; readonly sum: number } {
    const view = new DataView(this.body.buffer, this.body.byteOffset);
    return { count: view.getUint32(0, true), sum: view.getUint32(4, true) };
  }
}

/** Keeps what is sent. */
export class TestBus implements MessageBus {
  readonly sent: Received[] = [];
  readonly sentToReplicas: { readonly replica: number; readonly bytes: Uint8Array }[] = [];
  ticks = 0;
  resumed = 0;

  tick(): void {
    this.ticks += 1;
  }

  sendMessageToReplica(replica: number, message: Message): void {
    this.sentToReplicas.push({ replica, bytes: message.bytes().slice() });
  }

  sendMessageToClient(client: bigint, message: Message): void {
    this.sent.push(new Received(client, message));
  }

  resumeReceive(): void {
    this.resumed += 1;
  }
}

/** Keeps the prepares of an AOF. */
export class TestAof implements AppendOnlyFile {
  readonly ops: number[] = [];
  readonly #storage: MemoryStorage;
  readonly #note: (call: string) => void;

  constructor(storage: MemoryStorage, note: (call: string) => void) {
    this.#storage = storage;
    this.#note = note;
  }

  write(prepare: Message): void {
    this.ops.push(prepare.as(PrepareHeader).op);
  }

  checkpoint(callback: () => void): void {
    this.#note("aof checkpoint");
    this.#storage.nextTick(callback);
  }

  stateSynced(): void {
    this.#note("aof state synced");
  }
}

/** What a test can set. */
export interface SoloOptions extends Partial<Omit<ReplicaOptions, "config">> {
  readonly format?: Partial<FormatOptions>;
  readonly storage?: MemoryStorage;
  readonly time?: TestTime;
  readonly onReleaseSwitch?: (release: number) => void;
  /** Whether the state lives in the grid. Else it lives in memory. */
  readonly checkpoints?: boolean;
}

/** Fields of a request that a test sets by hand. */
export interface RequestFields {
  client?: bigint;
  session?: number;
  request?: number;
  parent?: bigint;
  operation?: number;
  body?: Uint8Array;
  view?: number;
  release?: number;
  timestamp?: bigint;
  /** How long the request before took: microseconds, or nanoseconds of clients before 0.17.0. */
  latency?: number;
  cluster?: bigint;
  replica?: number;
}

const STEPS_MAX = 100_000;

/** One life of a replica: from its start to its end. */
export class Solo {
  readonly config: Config = TEST_MIN;
  readonly checksums: Checksums = new Checksums();
  readonly logger: RecordingLogger = new RecordingLogger();
  readonly bus: TestBus = new TestBus();
  readonly aof: TestAof;
  readonly metrics: ReplicaMetrics[] = [];
  /** What the replica is told when it emits them. */
  metricsTaken = true;
  readonly time: TestTime;
  readonly storage: MemoryStorage;
  readonly pool: MessagePool;
  readonly journal: MemoryJournal;
  readonly machine: TallyMachine;
  readonly superblock: SuperBlock;
  readonly replica: Replica;
  /** Null if the state lives in memory. */
  readonly grid: MemoryGrid | null;
  /** What was asked of grid, client sessions, AOF and state machine around checkpoints, in order. */
  readonly checkpointCalls: string[] = [];
  readonly #buffer: MessageBuffer;
  readonly #checkpoints: boolean;
  /** Whether `open` has called back. */
  serving = false;

  constructor(options: SoloOptions = {}) {
    const { config } = this;
    this.time = options.time ?? new TestTime();
    this.storage = options.storage ?? formattedFile(options.format);
    const memory = new LinearMemory({ sizeBytes: 4 << 20 });
    const replica = replicaOptions(options);
    this.pool = new MessagePool({
      memory,
      messageSizeMax: config.cluster.messageSizeMax,
      messagesMax: messagesMax(config, replica.addressCount, replica.pipelineRequestQueueLimit),
    });
    const { storage, pool, checksums, logger } = this;
    this.journal = new MemoryJournal({ config, storage, pool, checksums });
    const { storageSizeLimitMax } = config.process;
    this.superblock = new SuperBlock({ config, storage, memory, storageSizeLimit: storageSizeLimitMax, logger });
    const { superblock } = this;
    this.#checkpoints = options.checkpoints ?? false;
    const note = (call: string): number => this.checkpointCalls.push(call);
    this.aof = new TestAof(storage, note);
    this.grid = this.#checkpoints ? new MemoryGrid({ config, storage, superblock, note }) : null;
    this.machine =
      this.grid === null
        ? new TallyMachine(storage)
        : new CheckpointedTally({ config, storage, superblock, grid: this.grid });
    this.#buffer = new MessageBuffer(pool, checksums);
    this.replica = new Replica(replica, this.#ports(options, memory));
  }

  /** A replica that serves. */
  static serving(options: SoloOptions = {}): Solo {
    const solo = new Solo(options);
    solo.open();
    solo.settle();
    assert(solo.serving, () => `the replica does not serve: ${solo.replica.describe()}`);
    return solo;
  }

  #ports(options: SoloOptions, memory: LinearMemory): ReplicaPorts {
    const { storage, superblock, journal, machine, grid, bus, time, logger, pool, checksums, aof } = this;
    return {
      memory,
      storage,
      superblock,
      journal,
      stateMachine: machine,
      checkpointStore: grid === null ? null : checkpointStore(grid),
      bus,
      time,
      logger,
      pool,
      checksums,
      aof,
      onMetrics: (metrics) => {
        this.metrics.push(metrics);
        return this.metricsTaken;
      },
      ...(options.onReleaseSwitch === undefined ? {} : { onReleaseSwitch: options.onReleaseSwitch }),
    };
  }

  open(): void {
    this.replica.open(() => (this.serving = true));
  }

  /** The next life, on what the disk holds now. */
  restart(options: SoloOptions = {}): Solo {
    const checkpoints = this.#checkpoints;
    const { time } = this;
    return Solo.serving({ checkpoints, time, ...options, storage: this.storage.restart() });
  }

  /** Lets everything complete that is under way. */
  settle(): void {
    this.storage.run();
  }

  /** Lets completions run until something holds. */
  settleUntil(holds: () => boolean): void {
    for (let steps = 0; !holds(); steps += 1) {
      assert(steps < STEPS_MAX && this.storage.step(), "what the test waits for does not come");
    }
  }

  /** Lets ticks pass, 10 ms each, and all that they start complete. */
  tick(count: number): void {
    for (let ticks = 0; ticks < count; ticks += 1) {
      this.time.advance(10_000_000n);
      this.replica.tick();
      this.settle();
    }
  }

  /** Bytes arrive on the only connection. Returns why it was closed, or null. */
  receive(bytes: Uint8Array): string | null {
    const taken = this.#buffer.receive(bytes);
    assert(taken === bytes.length, () => `${taken} of ${bytes.length} bytes fit`);
    this.replica.onMessages(this.#buffer);
    return this.#buffer.invalid;
  }

  /** Offers the messages again that had to wait. */
  offerAgain(): void {
    this.replica.onMessages(this.#buffer);
  }

  /** How many messages nobody holds. */
  get messagesHeld(): number {
    return this.pool.messagesMax - this.pool.available;
  }

  /** The bytes of a request; its checksum is its identity. */
  requestBytes(fields: RequestFields): Uint8Array {
    const body = fields.body ?? new Uint8Array(0);
    const bytes = new Uint8Array(HEADER_SIZE_BYTES + body.length);
    const header = new RequestHeader(bytes);
    initHeader(header, Command.request, fields.cluster ?? 0n);
    bytes.set(body, HEADER_SIZE_BYTES);
    header.size = bytes.length;
    header.view = fields.view ?? 0;
    header.release = fields.release ?? RELEASE_NOW;
    header.replica = fields.replica ?? 0;
    header.client = fields.client ?? 1n;
    header.session = fields.session ?? 0;
    header.request = fields.request ?? 0;
    header.parent = fields.parent ?? 0n;
    header.operation = fields.operation ?? Tally.add;
    header.timestamp = fields.timestamp ?? 0n;
    header.previousRequestLatency = fields.latency ?? 0;
    this.checksums.setBody(header, body);
    this.checksums.set(header);
    return bytes;
  }

  pingBytes(fields: { client: bigint; session?: number; release?: number }): Uint8Array {
    const bytes = new Uint8Array(HEADER_SIZE_BYTES);
    const header = new PingClientHeader(bytes);
    initHeader(header, Command.pingClient, 0n);
    header.release = fields.release ?? RELEASE_NOW;
    header.client = fields.client;
    header.session = fields.session ?? 0;
    header.pingTimestampMonotonic = 77n;
    this.checksums.setEmptyBody(header);
    return bytes;
  }

  /** A client that has not registered yet. */
  client(id: bigint): TestClient {
    return new TestClient(this, id);
  }

  /** A client with a session. */
  registered(id: bigint): TestClient {
    const client = this.client(id);
    client.register();
    this.settle();
    client.take();
    return client;
  }
}

/** A client that chains its requests. It survives the replica: `moveTo` its next life. */
export class TestClient {
  readonly id: bigint;
  session = 0;
  request = 0;
  /** The context of the latest reply. */
  context = 0n;
  view = 0;
  #solo: Solo;
  /** The request in flight, as sent. */
  #inFlight: Uint8Array | null = null;
  #seen = 0;

  constructor(solo: Solo, id: bigint) {
    this.#solo = solo;
    this.id = id;
  }

  moveTo(solo: Solo): this {
    this.#solo = solo;
    this.#seen = 0;
    return this;
  }

  get inFlight(): Uint8Array | null {
    return this.#inFlight;
  }

  /** Sends the `register`. */
  register(fields: RequestFields = {}): void {
    this.#send({ operation: Operation.register, body: new Uint8Array(256), ...fields });
  }

  /** Sends the next request. */
  send(fields: RequestFields = {}): void {
    this.request += 1;
    this.#send({ body: Uint8Array.of(1), ...fields });
  }

  /** Sends the request in flight once more, byte for byte. */
  resend(): void {
    assert(this.#inFlight !== null, "nothing is in flight");
    this.#solo.receive(this.#inFlight);
  }

  /** Sends an `add` and returns its reply. */
  add(value: number): Received {
    this.send({ body: Uint8Array.of(value) });
    this.#solo.settle();
    return this.take();
  }

  /** All that this client got and has not looked at. */
  inbox(): Received[] {
    const { sent } = this.#solo.bus;
    const unseen = sent.slice(this.#seen).filter(({ client }) => client === this.id);
    this.#seen = sent.length;
    return unseen;
  }

  /** The one message in the inbox, a reply to the request in flight; takes it as answered. */
  take(): Received {
    const inbox = this.inbox();
    assert(inbox.length === 1, () => `${inbox.length} messages for client ${this.id}`);
    const [received] = inbox;
    assert(received !== undefined, "one message has a first");
    this.accept(received);
    return received;
  }

  /** Takes a reply as the answer to the request in flight. */
  accept(received: Received): void {
    const { reply } = received;
    assert(this.#inFlight !== null, "nothing is in flight");
    assert(reply.requestChecksum === new Header(this.#inFlight).checksum, "a reply to another request");
    if (reply.operation === Operation.register) this.session = reply.commit;
    this.context = reply.context;
    this.view = reply.view;
    this.#inFlight = null;
  }

  #send(fields: RequestFields): void {
    const { id: client, session, request, context: parent, view } = this;
    const bytes = this.#solo.requestBytes({ client, session, request, parent, view, ...fields });
    this.#inFlight = bytes;
    this.#solo.receive(bytes);
  }
}

/** A new data file. */
export function formattedFile(options: Partial<FormatOptions> = {}): MemoryStorage {
  const storage = new MemoryStorage(TEST_MIN);
  let done = false;
  formatDataFile(
    {
      config: TEST_MIN,
      storage,
      memory: new LinearMemory({ sizeBytes: 2 << 20 }),
      logger: new RecordingLogger(),
      cluster: 0n,
      release: RELEASE_NOW,
      replica: 0,
      replicaCount: 1,
      view: 0,
      ...options,
    },
    () => (done = true),
  );
  storage.run();
  assert(done, "format completes");
  return storage.restart();
}

/** What a replica is given if the test says nothing else. */
function replicaOptions(options: SoloOptions): ReplicaOptions {
  return {
    config: TEST_MIN,
    cluster: options.cluster ?? null,
    addressCount: options.addressCount ?? 1,
    release: options.release ?? RELEASE_NOW,
    releaseClientMin: options.releaseClientMin ?? RELEASE_CLIENT_MIN,
    requestSizeLimit: options.requestSizeLimit ?? TEST_MIN.cluster.messageSizeMax,
    pipelineRequestQueueLimit: options.pipelineRequestQueueLimit ?? TEST_MIN.derived.pipelineRequestQueueMax,
    nonce: options.nonce ?? 1n,
    aofRecovery: options.aofRecovery ?? false,
    ...(options.releasesBundled === undefined ? {} : { releasesBundled: options.releasesBundled }),
  };
}

function checkpointStore(grid: MemoryGrid): CheckpointStore {
  return {
    grid,
    clientSessions: new MemoryTrailer(grid, TEST_MIN.cluster.blockSize),
    tables: NO_TABLES,
    scrubber: NO_SCRUBBER,
  };
}
