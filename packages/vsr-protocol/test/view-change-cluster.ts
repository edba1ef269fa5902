/**
 * Replicas that can do nothing but change views, and a network between them that the test moves message by message.
 *
 * The superblock, timeouts, pipeline and rules of sending are the real ones. The log is a table of headers; repair is a wish
 * that the test grants: {@link ViewChangeNode.fetch} gives a node what it misses from the others.
 *
 * @module
 */
import { assert, LinearMemory } from "@stagbeetle/kernels";
import type { Message } from "@stagbeetle/vsr-protocol";
import {
  Checksums,
  Command,
  commandName,
  Header,
  HEADER_SIZE_BYTES,
  JoinViewHeader,
  MessagePool,
  type PrepareHeader,
  Random,
  SuperBlock,
  TEST_MIN,
  ViewHeader,
} from "@stagbeetle/vsr-protocol";
import { quorums } from "../src/quorums.ts";
import { viewHeadersOfLog } from "../src/replica/hash-chain.ts";
import { Identity } from "../src/replica/identity.ts";
import type { CheckpointWindow } from "../src/replica/checkpoint-window.ts";
import { LogPosition } from "../src/replica/log-position.ts";
import { MessageBuilder } from "../src/replica/message-builder.ts";
import { MessageCounters } from "../src/replica/metrics.ts";
import { Outbox } from "../src/replica/outbox.ts";
import { Pipeline } from "../src/replica/pipeline.ts";
import { Roles } from "../src/replica/roles.ts";
import type { SendFacts } from "../src/replica/send-rules.ts";
import { Status } from "../src/replica/status.ts";
import { TIMEOUTS, type TimeoutName, Timeouts } from "../src/replica/timeouts.ts";
import { onViewDurable } from "../src/replica/view-change/deferred-sends.ts";
import { ExitView } from "../src/replica/view-change/exit-view.ts";
import { JoinView } from "../src/replica/view-change/join-view.ts";
import { jumpView } from "../src/replica/view-change/jump-view.ts";
import { PotentialPrimary } from "../src/replica/view-change/potential-primary.ts";
import { Transitions } from "../src/replica/view-change/transitions.ts";
import { ViewInstaller } from "../src/replica/view-change/view-installer.ts";
import { ViewMessages } from "../src/replica/view-change/view-messages.ts";
import { ReplicaSet } from "../src/replica/replica-set.ts";
import { JoinViewVotes } from "../src/replica/view-change/votes.ts";
import { DurableView } from "../src/replica/view-durable.ts";
import { formatted, RecordingLogger, RELEASE } from "./builders.ts";
import type { MemoryStorage } from "./memory-storage.ts";
import { SlotJournal } from "./slot-journal.ts";
import { windowAt } from "./windows.ts";

/** A message on its way: bytes of its own. */
export interface Sent {
  readonly from: number;
  readonly to: number;
  readonly bytes: Uint8Array;
}

/** Where a node stands when the test begins. */
export interface NodeOptions {
  readonly replica: number;
  readonly replicaCount?: number;
  /** How many standbys follow the replicas. */
  readonly standbyCount?: number;
  /** The view, which has started; that of the log, too. */
  readonly view?: number;
  /** The log, any order. Its highest op is the head. */
  readonly log: readonly PrepareHeader[];
  readonly commitMin?: number;
  readonly commitMax?: number;
  /** The op of the checkpoint, as far as windows ask for it. */
  readonly opCheckpoint?: number;
}

const PIPELINE = TEST_MIN.cluster.pipelinePrepareQueueMax;

/** One node. It begins in status recovering: the test, or {@link ViewChangeNode.start}, takes it out of it. */
export class ViewChangeNode {
  readonly identity: Identity = new Identity();
  readonly status: Status = new Status();
  readonly logger: RecordingLogger = new RecordingLogger();
  readonly exitViews: ReplicaSet = new ReplicaSet();
  readonly joinViews: JoinViewVotes = new JoinViewVotes();
  readonly storage: MemoryStorage;
  readonly pool: MessagePool;
  readonly journal: SlotJournal;
  readonly superblock: SuperBlock;
  readonly log: LogPosition = new LogPosition(PIPELINE);
  readonly view: DurableView;
  readonly pipeline: Pipeline = new Pipeline({ prepareQueueMax: PIPELINE, requestQueueMax: 0 });
  readonly timeouts: Timeouts;
  readonly transitions: Transitions;
  readonly exitView: ExitView;
  readonly joinView: JoinView;
  readonly potentialPrimary: PotentialPrimary;
  readonly viewMessages: ViewMessages;
  readonly viewInstaller: ViewInstaller;
  /** What the modules told others to do, in order. */
  readonly calls: string[] = [];
  /** Whether a state sync is under way. */
  syncing = false;
  /** Whether the next `view` is to be taken for a state sync. */
  takeForSync = false;
  /** Why no header that comes can be of the log, if that is to be so. */
  foreign: string | null = null;
  /** The timestamp of the newest op that this node may have prepared. */
  prepareTimestamp = 0n;
  readonly outbox: Outbox;

  constructor(options: NodeOptions, send: (sent: Sent) => void) {
    const { replica, replicaCount = 3, standbyCount = 0, opCheckpoint = 0 } = options;
    const config = TEST_MIN;
    this.storage = formatted({ replica, replicaCount });
    const memory = new LinearMemory({ sizeBytes: 4 << 20 });
    const { storage, logger } = this;
    const { messageSizeMax } = config.cluster;
    this.pool = new MessagePool({ memory, messageSizeMax, messagesMax: 32 });
    this.journal = new SlotJournal(config, this.pool);
    const storageSizeLimit = config.process.storageSizeLimitMax;
    this.superblock = new SuperBlock({ config, storage, memory, storageSizeLimit, logger });
    this.superblock.open(() => undefined);
    storage.run();
    this.identity.load(this.superblock, replicaCount + standbyCount);

    this.view = this.#createView();
    this.view.load();
    this.timeouts = new Timeouts({ config, random: new Random(1n) });
    const facts = this.#facts(windowAt(config, () => opCheckpoint));
    this.outbox = this.#createOutbox(facts, send);
    const context = this.#context(facts);
    const { exitViews, joinViews } = this;
    const note = (call: string) => (): void => void this.calls.push(call);
    this.transitions = new Transitions({
      ...context,
      onViewLeft: note("view left"),
      onNormal: note("normal"),
      sendJoinView: () => this.joinView.send(),
    });
    const { transitions } = this;
    this.exitView = new ExitView({ ...context, transitions, votes: exitViews });
    this.joinView = new JoinView({ ...context, transitions, votes: joinViews });
    this.viewMessages = new ViewMessages(context);
    const { viewMessages } = this;
    this.potentialPrimary = new PotentialPrimary({
      ...context,
      transitions,
      votes: joinViews,
      viewMessages,
      commitStage: () => "idle",
    });
    this.viewInstaller = new ViewInstaller({
      ...context,
      transitions,
      takeForSync: () => this.takeForSync,
      updatingCheckpoint: () => false,
      installCheckpoint: () => assert(false, "there is no sync"),
    });
    this.#recover(options);
  }

  /** Leaves status recovering as a replica does whose head is certain. */
  start(): this {
    const { view, identity, transitions } = this;
    if (view.logView < view.view) transitions.recoveringToViewChange(view.view);
    else if (identity.primaryOf(view.view) && !identity.solo) transitions.recoveringToViewChange(view.view + 1);
    else transitions.recoveringToNormal();
    return this;
  }

  /** Takes a message from the network. */
  receive(bytes: Uint8Array): void {
    const message = this.pool.acquire();
    message.buffer.set(bytes);
    this.#dispatch(message);
    message.release();
    assert(!this.outbox.loopbackPending, "a handler leaves no message to itself");
  }

  /** What journal repair does in the end: the work of a primary to be. */
  repair(): void {
    if (!this.timeouts.get("journalRepair").ticking) return;
    this.calls.push("repair");
    this.commit();
    this.potentialPrimary.work();
  }

  /** Executes what is committed and here. */
  commit(): void {
    const { log, journal } = this;
    while (log.commitMin < Math.min(log.commitMax, log.op) && !journal.hasDirty(log.commitMin + 1)) {
      if (journal.headerWithOp(log.commitMin + 1) === null) return;
      log.executed(log.commitMin + 1);
    }
  }

  /** Repairs all headers and prepares below the head that one of the others can show, then goes on. */
  fetch(others: readonly ViewChangeNode[]): void {
    const { log, journal } = this;
    for (let op = log.op; op > 0; op -= 1) {
      const header = journal.headerWithOp(op);
      const parent = header?.parent;
      const shown = others.find(({ journal: of }) => header !== null && of.holdsPrepare(op, header.checksum));
      if (shown !== undefined) journal.written(op);
      const below = others.map(({ journal: of }) => of.headerWithOp(op - 1)).find((of) => of?.checksum === parent);
      if (below !== undefined && below !== null && !journal.hasHeader(below)) journal.setHeaderAsDirty(below);
    }
    this.repair();
  }

  /** The timeouts that run, in the order of the table. */
  get running(): TimeoutName[] {
    return TIMEOUTS.map(({ name }) => name).filter((name) => this.timeouts.get(name).ticking);
  }

  /** Status, view, log view, head and what is committed, in one line. */
  describe(): string {
    const { status, view, log } = this;
    const { op, commitMin, commitMax } = log;
    return `${status.current} view=${view.view}/${view.logView} durable=${view.viewDurable}/${view.logViewDurable} op=${op} commit=${commitMin}/${commitMax}`;
  }

  #createView(): DurableView {
    const { superblock } = this;
    return new DurableView({
      config: TEST_MIN,
      superblock,
      commitMax: () => this.log.commitMax,
      syncCheckpoint: () => null,
      onWritten: () => false,
      onDurable: () => this.#onDurable(),
    });
  }

  /** What the rules of sending look at. */
  #facts(window: CheckpointWindow) {
    const { identity, status, view, log, joinViews } = this;
    return {
      release: RELEASE,
      identity,
      status,
      roles: new Roles(this),
      view,
      log,
      window,
      syncing: () => this.syncing,
      joinViewQuorum: () => joinViews.quorum,
      opPrepareOkMax: () => window.opPrepareOkMax(true, log.commitMax),
    };
  }

  #createOutbox(facts: SendFacts & Pick<ViewChangeNode, "identity" | "view">, send: (sent: Sent) => void): Outbox {
    const { superblock } = this;
    const from = this.identity.replica;
    return new Outbox({
      ...facts,
      config: TEST_MIN,
      superblock,
      bus: {
        sendMessageToReplica: (to, message) => send({ from, to, bytes: message.bytes().slice() }),
        sendMessageToClient: () => assert(false, "there are no clients"),
      },
      counters: new MessageCounters(),
      deliver: (message) => this.#dispatch(message),
    });
  }

  /** What the modules are made with, beside each other. */
  #context<Facts extends object>(facts: Facts) {
    const { identity, journal, pipeline, timeouts, pool, superblock, exitViews, joinViews, outbox, logger } = this;
    return {
      ...facts,
      config: TEST_MIN,
      pipelinePrepareQueueMax: PIPELINE,
      aofRecovery: false,
      nonce: 100n + BigInt(identity.replica),
      quorums: () => quorums(identity.replicaCount, TEST_MIN.cluster.quorumReplicationMax),
      journal,
      pipeline,
      timeouts,
      superblock,
      exitViews,
      joinViews,
      messages: new MessageBuilder({ identity, pool, checksums: new Checksums() }),
      outbox,
      logger,
      stateMachine: this,
      journalRepair: {
        repair: () => this.repair(),
        foreign: () => this.foreign,
        replaceHeader: (header: PrepareHeader) => this.#replaceHeader(header),
        repairHeader: (header: PrepareHeader) => this.#repairHeader(header),
      },
      sendPrepareOks: () => void this.calls.push("prepare_oks"),
      commit: () => this.commit(),
    };
  }

  #dispatch(message: Message): void {
    const { header } = message;
    if (header.replica !== this.identity.replica) jumpView(header, this);
    switch (header.command) {
      case Command.exitView:
        return this.exitView.onExitView(message);
      case Command.joinView:
        return this.joinView.onJoinView(message);
      case Command.view:
        return this.viewInstaller.onView(message);
      case Command.getView:
        return this.viewMessages.onGetView(message);
      default:
        assert(header.command === Command.ping, () => `command ${header.command}`);
    }
  }

  #onDurable(): void {
    const { status, view, joinViews: votes, timeouts, joinView, viewMessages } = this;
    const sendPrepareOks = (): void => void this.calls.push("prepare_oks");
    const roles = new Roles(this);
    onViewDurable({ status, roles, view, votes, timeouts, joinView, viewMessages, sendPrepareOks });
  }

  #replaceHeader(header: PrepareHeader): void {
    const wrapped = header.op + this.journal.slotCount <= this.log.op;
    if (!wrapped && !this.journal.hasHeader(header)) this.journal.setHeaderAsDirty(header);
  }

  #repairHeader(header: PrepareHeader): boolean {
    const child = this.journal.headerWithOp(header.op + 1);
    if (header.op >= this.log.op || this.journal.hasHeader(header) || child?.parent !== header.checksum) return false;
    this.journal.setHeaderAsDirty(header);
    return true;
  }

  #recover({ view, log, commitMin = 0, commitMax = commitMin }: NodeOptions): void {
    for (const header of log) this.journal.put(header);
    const op = this.journal.opMaximum();
    this.log.recover({ op, commitMin, commitMax: Math.max(commitMax, op - PIPELINE) });
    if (view === undefined) return;
    const window = windowAt(TEST_MIN, () => 0);
    const headers = viewHeadersOfLog(TEST_MIN, this.journal, { opMax: op, opPrepareMax: window.opPrepareMax });
    this.view.advance(view, view, headers);
    this.storage.run();
    this.calls.length = 0;
  }
}

/** Nodes and the messages between them. */
export class ViewChangeCluster {
  readonly nodes: ViewChangeNode[];
  /** Messages that were sent and not delivered, oldest first. */
  readonly network: Sent[] = [];
  /** Which messages arrive. All others are lost. */
  connected: (from: number, to: number) => boolean = () => true;
  /** What was delivered, in order. */
  readonly trace: string[] = [];

  constructor(options: readonly NodeOptions[]) {
    this.nodes = options.map((node) => new ViewChangeNode(node, (sent) => this.network.push(sent)));
  }

  node(replica: number): ViewChangeNode {
    const node = this.nodes.find(({ identity }) => identity.replica === replica);
    assert(node !== undefined, () => `there is no node ${replica}`);
    return node;
  }

  /** Lets all nodes write their superblocks. */
  write(): void {
    for (const { storage } of this.nodes) storage.run();
  }

  /** Delivers what is on its way now. Answers wait for the next call. */
  deliver(): void {
    for (const { from, to, bytes } of this.network.splice(0)) {
      if (!this.connected(from, to)) continue;
      this.trace.push(`${from}→${to} ${describeMessage(bytes)}`);
      this.nodes.find(({ identity }) => identity.replica === to)?.receive(bytes);
    }
  }

  /** Writes, delivers, repairs, until nothing moves. */
  settle(): void {
    for (let round = 0; round < 50; round += 1) {
      this.write();
      this.deliver();
      for (const node of this.nodes) {
        const { replica } = node.identity;
        const reachable = this.nodes.filter(({ identity }) => this.connected(identity.replica, replica));
        const before = node.journal.dirtyCount;
        if (node.status.current !== "recovering" && before > 0) node.fetch(reachable);
      }
      for (const node of this.nodes) node.journal.completeReads();
      const resting = this.nodes.every(({ storage, journal }) => storage.pending === 0 && journal.readsPending === 0);
      if (resting && this.network.length === 0) return;
    }
    assert(false, "the cluster comes to rest");
  }

  /** One line for each node. */
  describe(): string[] {
    return this.nodes.map((node) => `${node.identity.replica}: ${node.describe()}`);
  }
}

/** A message as a line of a trace. */
function describeMessage(bytes: Uint8Array): string {
  const { command, view, size } = new Header(bytes);
  const name = `${commandName(command)} view=${view}`;
  if (command === Command.joinView) {
    const { op, logView, commitMin, presentBitset, nackBitset } = new JoinViewHeader(bytes);
    const bits = `present=${presentBitset.toString(2)} nack=${nackBitset.toString(2)}`;
    return `${name} log_view=${logView} op=${op} commit_min=${commitMin} headers=${size / HEADER_SIZE_BYTES - 1} ${bits}`;
  }
  if (command !== Command.view) return name;
  const { op, commitMax, nonce } = new ViewHeader(bytes);
  return `${name} op=${op} commit_max=${commitMax}${nonce === 0n ? "" : ` nonce=${nonce}`}`;
}
