/**
 * A node that others repair, or that repairs itself, without a disk or a network: what the modules of repair are tested with.
 *
 * @module
 */
import { assert, LinearMemory } from "@stagbeetle/kernels";
import {
  Checksums,
  type Command,
  type Config,
  Header,
  HEADER_SIZE_BYTES,
  type JournalReadPurpose,
  type JournalWriting,
  type Message,
  MessagePool,
  type OpRange,
  PrepareHeader,
  Random,
  TEST_MIN,
} from "@stagbeetle/vsr-protocol";
import { CheckpointWindow } from "../src/replica/checkpoint-window.ts";
import { LogPosition } from "../src/replica/log-position.ts";
import { MessageBuilder } from "../src/replica/message-builder.ts";
import type { Outbox } from "../src/replica/outbox.ts";
import { HeaderRepair } from "../src/replica/repair/header-repair.ts";
import type { ReplicaStatus } from "../src/replica/status.ts";
import { headerChain, RELEASE, RecordingLogger } from "./builders.ts";
import { TestTime } from "./solo.ts";

/** A log in memory: headers in slots, which of them lack their prepare, and the prepares that the disk has. */
export class TestJournal {
  readonly slotCount: number;
  writesPending = 0;
  /** Prepares on disk, by header checksum. */
  readonly stored: Map<bigint, Message> = new Map();
  /** Checksums of prepares that are being written. */
  readonly writingNow: Set<bigint> = new Set();
  readonly #headers: (PrepareHeader | null)[];
  readonly #dirty = new Set<number>();
  readonly #writes: (() => void)[] = [];

  constructor(config: Config) {
    this.slotCount = config.cluster.journalSlotCount;
    this.#headers = Array.from({ length: this.slotCount }, () => null);
  }

  /** Puts headers in place with their prepares. */
  fill(headers: readonly PrepareHeader[]): void {
    for (const header of headers) {
      this.#headers[header.op % this.slotCount] = header;
      this.#dirty.delete(header.op % this.slotCount);
    }
  }

  /** Forgets a header. */
  lose(op: number): void {
    this.#headers[op % this.slotCount] = null;
    this.#dirty.delete(op % this.slotCount);
  }

  /** Loses the prepare of a header. */
  soil(op: number): void {
    this.#dirty.add(op % this.slotCount);
  }

  /** The ops whose headers are there, ascending. */
  ops(): number[] {
    return this.#headers
      .flatMap((header) => (header === null ? [] : [header.op]))
      .toSorted((left, right) => left - right);
  }

  headerWithOp(op: number): PrepareHeader | null {
    const header = this.#headers[op % this.slotCount] ?? null;
    return header?.op === op ? header : null;
  }

  hasHeader(header: PrepareHeader): boolean {
    return this.headerWithOp(header.op)?.checksum === header.checksum;
  }

  hasPrepare(header: PrepareHeader): boolean {
    return this.hasHeader(header) && !this.hasDirty(header.op);
  }

  hasDirty(op: number): boolean {
    return this.#dirty.has(op % this.slotCount);
  }

  holdsPrepare(_op: number, checksum: bigint): boolean {
    return this.stored.has(checksum);
  }

  setHeaderAsDirty(header: PrepareHeader): void {
    const slot = header.op % this.slotCount;
    const old = this.#headers[slot] ?? null;
    assert(old === null || old.op <= header.op, () => `op ${header.op} would replace op ${old?.op}`);
    assert(!this.hasPrepare(header), () => `op ${header.op} is on disk`);
    this.#headers[slot] = copyOf(header);
    this.#dirty.add(slot);
  }

  removeDirtyOutside(opMin: number, opMax: number): void {
    for (const [slot, header] of this.#headers.entries()) {
      if (header === null || !this.#dirty.has(slot) || (header.op >= opMin && header.op <= opMax)) continue;
      this.lose(header.op);
    }
  }

  /** The highest run of ops that are missing. Breaks of the chain are not looked for. */
  findLatestHeadersBreakBetween(opMin: number, opMax: number): OpRange | null {
    let op = opMax;
    while (op >= opMin && this.headerWithOp(op) !== null) op -= 1;
    if (op < opMin) return null;
    const end = op;
    while (op > opMin && this.headerWithOp(op - 1) === null) op -= 1;
    return { opMin: op, opMax: end };
  }

  writing(header: PrepareHeader): JournalWriting {
    return this.writingNow.has(header.checksum) ? "exact" : "none";
  }

  writeAvailable(): boolean {
    return true;
  }

  /** Runs until {@link completeWrite}. */
  writePrepare(message: Message, callback: (message: Message | null) => void): void {
    const { checksum } = message.header;
    this.writesPending += 1;
    this.writingNow.add(checksum);
    message.reference();
    this.#writes.push(() => {
      this.writesPending -= 1;
      this.writingNow.delete(checksum);
      this.#dirty.delete(message.as(PrepareHeader).op % this.slotCount);
      callback(message);
      message.release();
    });
  }

  /** Completes the oldest write. */
  completeWrite(): void {
    const write = this.#writes.shift();
    assert(write !== undefined, "nothing is written");
    write();
  }

  readPrepareWithOpAndChecksum(
    _op: number,
    checksum: bigint,
    _purpose: JournalReadPurpose,
    callback: (message: Message | null) => void,
  ): void {
    callback(this.stored.get(checksum)?.reference() ?? null);
  }
}

/** A message that was sent: where to, and its bytes. */
export interface Sent {
  readonly to: number | "replicas" | "nodes";
  readonly bytes: Uint8Array;
}

/** What a test can set at the beginning. */
export interface RepairBenchOptions {
  readonly replica?: number;
  readonly replicaCount?: number;
  /** The op of the checkpoint. */
  readonly opCheckpoint?: number;
}

/** What a log is like. */
export interface ChainOptions {
  readonly commitMin?: number;
  readonly commitMax?: number;
  readonly view?: (op: number) => number;
}

/** The view of a bench, to be changed at will. */
export interface BenchView {
  view: number;
  headers: readonly PrepareHeader[];
  hasOther: (header: PrepareHeader) => boolean;
}

/** What the modules of repair share. */
export type RepairParts = Pick<
  RepairBench,
  | "config"
  | "release"
  | "identity"
  | "status"
  | "view"
  | "roles"
  | "log"
  | "window"
  | "journal"
  | "superblock"
  | "time"
  | "random"
  | "logger"
  | "checksums"
  | "pool"
  | "messages"
  | "outbox"
  | "headerRepair"
>;

/** All that the modules share, to be changed at will. */
export class RepairBench {
  readonly config: Config = TEST_MIN;
  readonly release: number = RELEASE;
  readonly identity: {
    readonly cluster: bigint;
    readonly replica: number;
    readonly replicaCount: number;
    readonly standby: boolean;
    readonly solo: boolean;
    primaryIndex(view: number): number;
    primaryOf(view: number): boolean;
  };
  readonly status: { current: ReplicaStatus; readonly normal: boolean };
  readonly view: BenchView = { view: 0, headers: [], hasOther: () => false };
  readonly roles: {
    readonly primary: boolean;
    readonly backup: boolean;
    readonly ofPrimary: boolean;
    readonly primaryIndex: number;
  };
  readonly log: LogPosition = new LogPosition(TEST_MIN.cluster.pipelinePrepareQueueMax);
  readonly window: CheckpointWindow;
  readonly journal: TestJournal = new TestJournal(TEST_MIN);
  readonly superblock: { readonly working: { checkpointHeader: PrepareHeader } } = {
    working: { checkpointHeader: copyOf(root()) },
  };
  readonly time: TestTime = new TestTime();
  readonly random: Random = new Random(7);
  readonly logger: RecordingLogger = new RecordingLogger();
  readonly checksums: Checksums = new Checksums();
  readonly pool: MessagePool;
  readonly messages: MessageBuilder;
  readonly sent: Sent[] = [];
  readonly outbox: Pick<
    Outbox,
    "sendToReplica" | "sendToOtherReplicas" | "sendToOtherReplicasAndStandbys" | "flushLoopback"
  > = {
    sendToReplica: (replica: number, message: Message): void => this.#send(replica, message),
    sendToOtherReplicas: (message: Message): void => this.#send("replicas", message),
    sendToOtherReplicasAndStandbys: (message: Message): void => this.#send("nodes", message),
    flushLoopback: (): void => undefined,
  };
  readonly headerRepair: HeaderRepair;
  quorum = false;
  syncing = false;
  opCheckpoint: number;

  constructor({ replica = 1, replicaCount = 3, opCheckpoint = 0 }: RepairBenchOptions = {}) {
    this.opCheckpoint = opCheckpoint;
    this.identity = {
      cluster: 0n,
      replica,
      replicaCount,
      standby: replica >= replicaCount,
      solo: replicaCount === 1 && replica === 0,
      primaryIndex: (view) => view % replicaCount,
      primaryOf: (view) => view % replicaCount === replica,
    };
    const status: { current: ReplicaStatus } = { current: "normal" };
    this.status = Object.defineProperty(status, "normal", {
      get: () => status.current === "normal",
    }) as typeof this.status;
    const primaryIndex = (): number => this.view.view % replicaCount;
    const ofPrimary = (): boolean => primaryIndex() === replica;
    this.roles = {
      get primary() {
        return status.current === "normal" && ofPrimary();
      },
      get backup() {
        return status.current === "normal" && !ofPrimary();
      },
      get ofPrimary() {
        return ofPrimary();
      },
      get primaryIndex() {
        return primaryIndex();
      },
    };
    // All ids are 0, as they are in the headers that tests build.
    this.window = new CheckpointWindow(TEST_MIN, {
      opCheckpoint: () => this.opCheckpoint,
      checkpointSync: () => ({ op: this.opCheckpoint, id: 0n, parentId: 0n, grandparentId: 0n }),
    });
    const memory = new LinearMemory({ sizeBytes: 1 << 18 });
    const { messageSizeMax } = TEST_MIN.cluster;
    this.pool = new MessagePool({ memory, messageSizeMax, messagesMax: 24 });
    this.messages = new MessageBuilder({ identity: this.identity, pool: this.pool, checksums: this.checksums });
    this.headerRepair = new HeaderRepair({ ...this.#withoutHeaders(), updatingCheckpoint: () => this.syncing });
  }

  /** What the modules are made with. */
  get parts(): RepairParts {
    return { ...this.#withoutHeaders(), headerRepair: this.headerRepair };
  }

  /** The log is this chain, all of it on disk and nothing executed but what `commitMin` says. Returns the chain by op. */
  chain(head: number, options: ChainOptions = {}): readonly PrepareHeader[] {
    const headers = headerChain(head, 0, options.view).toReversed();
    const { commitMin = 0, commitMax = Math.max(commitMin, head) } = options;
    this.log.recover({ op: head, commitMin, commitMax });
    this.journal.fill(headers.slice(Math.max(0, head + 1 - this.journal.slotCount)));
    const checkpoint = headers[this.opCheckpoint];
    assert(checkpoint !== undefined, () => `no op ${this.opCheckpoint}`);
    this.superblock.working.checkpointHeader = checkpoint;
    this.view.view = Math.max(...headers.map(({ view }) => view));
    this.view.headers = headers.slice(-1);
    return headers;
  }

  /** A message that has come. The test releases it. */
  received(bytes: Uint8Array): Message {
    const message = this.pool.acquire();
    message.buffer.set(bytes);
    return message;
  }

  /** A prepare with this header, which has no body. The test releases it. */
  prepare(header: PrepareHeader): Message {
    return this.received(header.buffer.subarray(header.offset, header.offset + HEADER_SIZE_BYTES));
  }

  /** Takes what was sent since the last call, of one command. */
  taken(command: Command): Sent[] {
    const all = this.sent.splice(0);
    return all.filter(({ bytes }) => new Header(bytes).command === command);
  }

  #withoutHeaders(): Omit<RepairParts, "headerRepair"> {
    const { config, release, identity, status, view, roles, log, window, journal } = this;
    const { superblock, time, random, logger, checksums, pool, messages, outbox } = this;
    return {
      config,
      release,
      identity,
      status,
      view,
      roles,
      log,
      window,
      journal,
      superblock,
      time,
      random,
      logger,
      checksums,
      pool,
      messages,
      outbox,
    };
  }

  #send(to: Sent["to"], message: Message): void {
    this.sent.push({ to, bytes: message.bytes().slice() });
  }
}

function root(): PrepareHeader {
  const [header] = headerChain(0, 0);
  assert(header !== undefined, "a chain has a root");
  return header;
}

export function copyOf(header: PrepareHeader): PrepareHeader {
  return new PrepareHeader(header.buffer.slice(header.offset, header.offset + HEADER_SIZE_BYTES));
}
