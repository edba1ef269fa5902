/**
 * The replica: the switchboard that joins the modules of the protocol (spec 03).
 *
 * It decides nothing itself. Each module owns its state; what two of them need has a home of its own (`log-position.ts`,
 * `view-durable.ts`, `pipeline.ts`). All of it is driven from outside: by ticks, messages and completions.
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import { durable } from "../checkpoint.ts";
import { Clock } from "../clock/clock.ts";
import { Command } from "../command.ts";
import { fatal, FatalReason } from "../fatal.ts";
import type { MessageBuffer } from "../message/message-buffer.ts";
import type { Message } from "../message/message.ts";
import type { MessageBusReceiver } from "../ports/message-bus.ts";
import { type Quorums, quorums } from "../quorums.ts";
import { formatRelease, type Release } from "../release.ts";
import type { Timeout } from "../timeout.ts";
import { CheckpointReader } from "./checkpoint-reader.ts";
import { viewAtCheckpoint } from "./checkpoint-view.ts";
import { CheckpointWriter } from "./checkpoint-writer.ts";
import { Commit, type CommitStage } from "./commit.ts";
import { createContext, logPrefix, type ReplicaContext } from "./context.ts";
import { Execution } from "./execution.ts";
import { Ingress, type MessageHandlers } from "./ingress.ts";
import { MessageCounters, ReleasesSeen, type ReplicaMetrics } from "./metrics.ts";
import { NextPrepare } from "./next-prepare.ts";
import { NormalCase } from "./normal-case.ts";
import { assertOptions, type ReplicaOptions, type ReplicaPorts } from "./options.ts";
import { Repair } from "./repair/repair.ts";
import { stallTicks } from "./stall.ts";
import { Startup } from "./startup.ts";
import { StateOpening } from "./state-opening.ts";
import { type ReplicaStatus, STATUS_METRIC } from "./status.ts";
import { SYNC_STAGE_METRIC, type SyncStage } from "./sync/state-sync.ts";
import type { TimeoutHandlers } from "./timeouts.ts";
import { ViewChange } from "./view-change/view-change.ts";

/** The status, the view and the ops of a replica: what a simulator or a status page asks for. */
export interface ReplicaState {
  readonly status: ReplicaStatus;
  readonly view: number;
  readonly logView: number;
  /** The head. */
  readonly op: number;
  readonly opCheckpoint: number;
  readonly commitMin: number;
  readonly commitMax: number;
  readonly commitStage: CommitStage;
  readonly syncStage: SyncStage;
  /** Whether everything that a state sync skipped is here: all blocks, and the replies of all sessions. */
  readonly syncContentDone: boolean;
  /** Whether requests are taken: the log is replayed and the view is durable. */
  readonly serving: boolean;
}

/**
 * One replica.
 *
 * @example
 * ```ts
 * const replica = new Replica(options, ports);
 * replica.open(() => bus.listen());
 * setInterval(() => replica.tick(), config.process.tickMs);
 * ```
 */
export class Replica implements MessageBusReceiver {
  readonly #options: ReplicaOptions;
  readonly #ports: ReplicaPorts;
  readonly #startTime: bigint;
  readonly #context: ReplicaContext;
  readonly #messagesIn = new MessageCounters();
  readonly #releasesSeen = new ReleasesSeen();
  readonly #normalCase: NormalCase;
  readonly #viewChange: ViewChange;
  readonly #repair: Repair;
  readonly #stateOpening: StateOpening;
  readonly #commit: Commit;
  readonly #startup: Startup;
  readonly #ingress: Ingress;
  #clock: Clock | null = null;
  #quorums: Quorums | null = null;
  /** Whether another release has to go on: this one does nothing any more. */
  #released = false;

  /** Allocates the session table. Nothing is read or written before `open`. */
  constructor(options: ReplicaOptions, ports: ReplicaPorts) {
    assertOptions(options);
    const { stateMachine, checkpointStore: store, time } = ports;
    assert(stateMachine.checkpoints === (store !== null), "a checkpoint store is for a state machine that checkpoints");
    this.#options = options;
    this.#ports = ports;
    this.#startTime = time.realtime();
    this.#context = createContext(options, ports, {
      clock: () => this.#openedClock(),
      quorums: () => this.#openedQuorums(),
      normalCase: () => this.#normalCase,
      viewChange: () => this.#viewChange,
      repair: () => this.#repair,
      commit: () => this.#commit,
      ingress: () => this.#ingress,
      onViewDurable: () => this.#onViewDurable(),
      onRelease: (release) => this.#onRelease(release),
    });
    this.#normalCase = this.#createNormalCase();
    this.#viewChange = this.#createViewChange();
    this.#repair = this.#createRepair();
    this.#commit = this.#createCommit();
    this.#stateOpening = this.#createStateOpening();
    this.#startup = this.#createStartup();
    this.#ingress = this.#createIngress();
    this.#context.timeouts.connect(this.#timeoutHandlers());
  }

  /** Where the replica stands. Only after its superblock is open. */
  get state(): ReplicaState {
    return {
      status: this.#context.status.current,
      view: this.#context.view.view,
      logView: this.#context.view.logView,
      op: this.#context.log.op,
      opCheckpoint: this.#context.window.opCheckpoint,
      commitMin: this.#context.log.commitMin,
      commitMax: this.#context.log.commitMax,
      commitStage: this.#commit.stage,
      syncStage: this.#repair.stateSync.stage,
      syncContentDone: this.#repair.stateSync.contentDone,
      serving: this.#startup.stage === "serving" && this.#context.roles.primary && !this.#context.view.updating,
    };
  }

  /** How many messages of the pool its pipeline holds: nobody else does while nothing is read, written, executed or repaired. */
  get messagesHeld(): number {
    return this.#context.pipeline.messagesHeld;
  }

  /**
   * Starts from the data file: recovers the log, and decides with which status to begin.
   *
   * Alone, a replica executes what its log holds and makes a view of its own durable before it serves. A member of a cluster
   * takes part as soon as it knows its log; it opens its state meanwhile, and executes when the others say what is committed.
   *
   * @param callback runs once: alone when requests are served, in a cluster when the replica takes part; `state.serving`
   * says of both whether they are. Never from inside the call.
   * @throws FatalError from here or from a later completion, with one line for the operator: the file is damaged, is not
   * for this release or these options, or is of a kind that this release does not run.
   */
  open(callback: () => void): void {
    this.#startup.open(callback);
  }

  /** To be called every `tickMs`. */
  tick(): void {
    assert(!this.#context.outbox.loopbackPending, "a message of the replica to itself was not delivered");
    if (this.#released) return;
    if (this.#clock !== null) this.#normalCase.heartbeats.tick();
    this.#clock?.tick();
    this.#ports.bus.tick();
    if (this.#clock === null) return;
    this.#context.timeouts.tick();
    assert(!this.#ingress.stuck, "messages wait although they could be taken");
    assert(!this.#context.outbox.loopbackPending, "a timeout leaves a message of the replica to itself");
    this.#assertInvariants();
  }

  /** Takes the complete messages of a connection. */
  onMessages(buffer: MessageBuffer): void {
    if (this.#released || !this.#startup.logRecovered) return drop(buffer);
    this.#ingress.onMessages(buffer);
    this.#assertInvariants();
  }

  /** One line for people. */
  describe(): string {
    const { op, commitMin, commitMax } = this.#context.log;
    return (
      `${logPrefix(this.#context)} ${this.#context.status.current} view=${this.#context.view.view} log_view=${this.#context.view.logView} op=${op} ` +
      `commit_min=${commitMin} commit_max=${commitMax} checkpoint=${this.#context.window.opCheckpoint} commit=${this.#commit.stage} ` +
      `prepares=${this.#context.pipeline.prepareCount} requests=${this.#context.pipeline.requestCount} start=${this.#startup.stage}`
    );
  }

  /** All numbers. Only after the superblock is open. */
  metrics(): ReplicaMetrics {
    const { journal, stateMachine, superblock, checkpointStore } = this.#ports;
    const { vsrState } = superblock.working;
    const grid = checkpointStore?.grid;
    return {
      replica_start: this.#startTime,
      replica_status: STATUS_METRIC[this.#context.status.current],
      replica_sync_stage: SYNC_STAGE_METRIC[this.#repair.stateSync.stage],
      replica_view: this.#context.view.view,
      replica_log_view: this.#context.view.logView,
      replica_op: this.#context.log.op,
      replica_op_checkpoint: this.#context.window.opCheckpoint,
      replica_commit_min: this.#context.log.commitMin,
      replica_commit_max: this.#context.log.commitMax,
      replica_commit_timestamp: stateMachine.commitTimestamp,
      replica_pipeline_queue_length: this.#context.pipeline.prepareCount + this.#context.pipeline.requestCount,
      replica_sync_op_min: vsrState.syncOpMin,
      replica_sync_op_max: vsrState.syncOpMax,
      journal_dirty: journal.dirtyCount,
      journal_faulty: journal.faultyCount,
      grid_blocks_acquired: grid?.blocksAcquired ?? 0,
      grid_blocks_missing: grid?.blocksMissing ?? 0,
      lsm_manifest_block_count: superblock.working.checkpoint.manifestBlockCount,
      grid_cache_hits: grid?.cacheHits ?? 0,
      grid_cache_misses: grid?.cacheMisses ?? 0,
      release: this.#options.release,
      release_seen_client_min: this.#releasesSeen.min,
      release_seen_client_max: this.#releasesSeen.max,
      clock_delta_ns: this.#clock?.clockDeltaNs ?? 0n,
      replica_messages_in: this.#messagesIn.snapshot(),
      replica_messages_out: this.#context.messagesOut.snapshot(),
      timings: this.#context.timings.summaries(),
    };
  }

  #createNormalCase(): NormalCase {
    return new NormalCase({
      ...this.#context,
      onRepair: (prepare) => this.#repair.prepares.onRepair(prepare),
      onFollowed: () => this.#onFollowed(),
      onCommitted: () => this.#commit.run(),
      onLost: () => this.#viewChange.exitView.send(),
      onAlive: () => this.#viewChange.exitView.clearOwn(),
      onQuorum: () => this.#commit.run(),
    });
  }

  #createViewChange(): ViewChange {
    return new ViewChange({
      ...this.#context,
      journalRepair: {
        repair: () => this.#repair.journal.repair(),
        foreign: (header) => this.#repair.journal.foreign(header),
        repairHeader: (header) => this.#repair.journal.repairHeader(header),
        replaceHeader: (header) => this.#repair.journal.replaceHeader(header),
      },
      takeForSync: (message) => this.#takeForSync(message),
      installCheckpoint: () => this.#repair.stateSync.installCheckpoint(),
      onViewLeft: () => this.#normalCase.onViewLeft(),
      onNormal: () => this.#normalCase.onNormal(),
    });
  }

  #createRepair(): Repair {
    const { replication, acknowledgements } = this.#normalCase;
    const { viewMessages, viewInstaller, potentialPrimary } = this.#viewChange;
    return new Repair({
      ...this.#context,
      store: this.#ports.checkpointStore,
      replication: {
        writePrepare: (message) => replication.writePrepare(message),
        sendPrepareOk: (header) => acknowledgements.sendPrepareOk(header),
      },
      requestView: (view) => viewMessages.requestView(view),
      potentialPrimary: () => potentialPrimary.work(),
      dropCommit: () => this.#dropCommit(),
      installLog: (message) => viewInstaller.installLog(message),
      onSynced: () => this.#onSynced(),
      switchRelease: (release) => this.#onRelease(release),
      onBlockWritten: () => this.#ingress.resume(),
      onTablesComplete: () => acknowledgements.sendPrepareOksAfterCheckpoint(),
    });
  }

  #createCommit(): Commit {
    const context = this.#context;
    const { replies, upgrades, acknowledgements, progress } = this.#normalCase;
    const { headerRepair } = this.#repair;
    return new Commit({
      ...context,
      checkpointer: this.#createCheckpointer(),
      nextPrepare: new NextPrepare({ ...context, validHashChain: () => headerRepair.validHashChain() }),
      execution: new Execution({ ...context, upgrades }),
      replies,
      stallTicks: () => stallTicks({ ...context, progress }),
      onCancelled: () => this.#onCommitCancelled(),
      onCheckpointDurable: () => this.#onCheckpointDurable(),
      onCheckpoint: () => this.#onCheckpoint(),
      onCheckpointed: () => acknowledgements.sendPrepareOksAfterCheckpoint(),
      onExecuted: () => this.#onExecuted(),
      onIdle: () => this.#onCommitIdle(),
    });
  }

  #createCheckpointer(): CheckpointWriter | null {
    const { checkpointStore: store } = this.#ports;
    if (store === null) return null;
    const { upgrades } = this.#normalCase;
    const { stateSync } = this.#repair;
    return new CheckpointWriter({
      ...this.#context,
      store,
      viewAttributes: () => viewAtCheckpoint(this.#context),
      syncComplete: () => stateSync.contentDone,
      checkpointRelease: () => upgrades.checkpointRelease ?? this.#options.release,
    });
  }

  #createStateOpening(): StateOpening {
    const context = this.#context;
    const { checkpointStore: store } = this.#ports;
    const checkpointReader = store === null ? null : new CheckpointReader({ ...context, store });
    return new StateOpening({ ...context, checkpointReader, commit: this.#commit });
  }

  #createStartup(): Startup {
    return new Startup({
      ...this.#context,
      options: this.#options,
      commit: this.#commit,
      stateOpening: this.#stateOpening,
      transitions: this.#viewChange.transitions,
      onIdentity: () => this.#onIdentity(),
      onStateOpen: () => this.#repair.stateSync.onStateMachineOpened(),
    });
  }

  #createIngress(): Ingress {
    const { checkpointStore: store } = this.#ports;
    const { stateSync } = this.#repair;
    return new Ingress({
      ...this.#context,
      nodeCount: this.#options.addressCount,
      counters: this.#messagesIn,
      releasesSeen: this.#releasesSeen,
      blockWriteAvailable: () =>
        store === null || (store.grid.repairWritesAvailable > 0 && !stateSync.updatingCheckpoint),
      syncCanceling: () => stateSync.canceling,
      onHeader: (header) => this.#viewChange.jump(header),
      handlers: this.#handlers(),
    });
  }

  /** What becomes of a message of each command. */
  #handlers(): MessageHandlers {
    const { requests, pings, replication, acknowledgements, heartbeats } = this.#normalCase;
    const { exitView, joinView, viewMessages, viewInstaller } = this.#viewChange;
    const { headers, prepares, replies, blocks } = this.#repair;
    return new Map<number, (message: Message) => void>([
      [Command.ping, (message) => pings.onPing(message)],
      [Command.pong, (message) => pings.onPong(message)],
      [Command.pingClient, (message) => pings.onPingClient(message)],
      [Command.request, (message) => requests.onRequest(message)],
      [Command.prepare, (message) => replication.onPrepare(message)],
      [Command.prepareOk, (message) => acknowledgements.onPrepareOk(message)],
      [Command.commit, (message) => heartbeats.onCommit(message)],
      [Command.exitView, (message) => exitView.onExitView(message)],
      [Command.joinView, (message) => joinView.onJoinView(message)],
      [Command.view, (message) => viewInstaller.onView(message)],
      [Command.getView, (message) => viewMessages.onGetView(message)],
      [Command.getHeaders, (message) => headers.onGetHeaders(message)],
      [Command.headers, (message) => headers.onHeaders(message)],
      [Command.getPrepare, (message) => prepares.onGetPrepare(message)],
      [Command.getReply, (message) => replies.onGetReply(message)],
      [Command.reply, (message) => replies.onReply(message)],
      [Command.getBlocks, (message) => blocks?.onGetBlocks(message)],
      [Command.block, (message) => blocks?.onBlock(message)],
    ]);
  }

  /** What to do when a timeout fires. */
  #timeoutHandlers(): TimeoutHandlers {
    const { pings, pulses, replication, heartbeats, upgrades } = this.#normalCase;
    const { exitView, joinView, viewMessages } = this.#viewChange;
    const { journal, blocks, scrubbing } = this.#repair;
    return {
      ping: (timeout) => pings.onTimeout(timeout),
      prepare: (timeout) => replication.onTimeout(timeout),
      primaryAbdicate: (timeout) => heartbeats.onAbdicateTimeout(timeout),
      commitMessage: (timeout) => heartbeats.onCommitTimeout(timeout),
      exitViewWindow: (timeout) => exitView.onWindowTimeout(timeout),
      exitViewMessage: (timeout) => exitView.onMessageTimeout(timeout),
      viewChangeStatus: (timeout) => exitView.onViewChangeStatusTimeout(timeout),
      joinViewMessage: (timeout) => joinView.onTimeout(timeout),
      getViewMessage: (timeout) => viewMessages.onTimeout(timeout),
      journalRepair: (timeout) => journal.onTimeout(timeout),
      repairSync: (timeout) => journal.onRepairSyncTimeout(timeout),
      gridRepair: (timeout) => (blocks === null ? timeout.reset() : blocks.onTimeout(timeout)),
      upgrade: (timeout) => upgrades.onTimeout(timeout),
      pulse: (timeout) => pulses.onTimeout(timeout),
      gridScrub: (timeout) => (scrubbing === null ? timeout.reset() : scrubbing.onTimeout(timeout)),
      traceEmit: (timeout) => this.#emitMetrics(timeout),
      commitStall: (timeout) => this.#commit.onStallTimeout(timeout),
    };
  }

  /** The superblock says who this replica is. */
  #onIdentity(): void {
    const { config } = this.#options;
    const { replica, replicaCount } = this.#context.identity;
    this.#quorums = quorums(replicaCount, config.cluster.quorumReplicationMax);
    this.#normalCase.progress.load(replicaCount);
    this.#clock = new Clock({
      config,
      time: this.#ports.time,
      logger: this.#context.logger,
      replicaCount,
      replica,
      quorumReplication: this.#quorums.replication,
    });
    this.#repair.stateSync.onSuperBlockOpened();
    this.#context.timeouts.start("traceEmit");
  }

  #onViewDurable(): void {
    if (this.#released) return;
    this.#startup.onViewDurable();
    this.#viewChange.onViewDurable();
  }

  /** A backup was given a prepare: there may be something to execute, and to repair. */
  #onFollowed(): void {
    this.#commit.run();
    this.#repair.journal.repair();
  }

  /** Nothing more to execute: alone, the log is replayed; as a primary to be, the view can start. */
  #onCommitIdle(): void {
    const { commitMin, op } = this.#context.log;
    this.#startup.onCommitIdle();
    if (commitMin === op && this.#context.status.current === "view_change") this.#repair.journal.repair();
  }

  /** Whether a `view` has a checkpoint that this replica needs. Then its log is not installed now. */
  #takeForSync(view: Message): boolean {
    const { stateSync } = this.#repair;
    if (stateSync.decide(view) === "repair") return false;
    if (this.#viewChange.viewInstaller.fitsSync(view)) stateSync.start(view);
    return true;
  }

  /** The step that was under way has completed. If the grid is being cancelled, too, nobody waits for it any more. */
  #onCommitCancelled(): void {
    const { stateSync } = this.#repair;
    if (stateSync.stage === "canceling_commit") stateSync.onCommitCancelled();
  }

  #dropCommit(): void {
    this.#commit.cancel();
    this.#stateOpening.close();
  }

  /** The checkpoint of another replica is durable here: what hung on the old one begins anew. */
  #onSynced(): void {
    this.#normalCase.upgrades.reset();
    this.#repair.refillBudgets();
    for (const name of ["journalRepair", "gridRepair"] as const) {
      const timeout = this.#context.timeouts.get(name);
      if (timeout.ticking) timeout.resetWithJitter();
    }
    this.#stateOpening.open(() => {
      this.#repair.stateSync.onStateMachineOpened();
      this.#commit.run();
    });
    this.#ingress.resume();
  }

  #onExecuted(): void {
    this.#startup.onExecuted();
    if (this.#context.roles.primary) this.#normalCase.afterExecute();
  }

  /** The others are to write theirs at the same time. */
  #onCheckpoint(): void {
    if (this.#context.roles.primary) this.#normalCase.heartbeats.send();
  }

  /** Others can take over the checkpoint from now on, so they are told of it. */
  #onCheckpointDurable(): void {
    if (this.#context.roles.primary && !this.#context.identity.solo) this.#viewChange.viewMessages.broadcast();
  }

  /** The data file is for another release: that one has to go on. */
  #onRelease(release: Release): void {
    assert(release !== this.#options.release, "the running release can go on");
    this.#released = true;
    const { onReleaseSwitch } = this.#ports;
    if (onReleaseSwitch !== undefined) return onReleaseSwitch(release);
    fatal(
      FatalReason.cli,
      `the data file is at release ${formatRelease(release)}, this is release ${formatRelease(this.#options.release)}: start it with the former`,
    );
  }

  #emitMetrics(timeout: Timeout): void {
    timeout.reset();
    const { onMetrics } = this.#ports;
    if (onMetrics !== null && !onMetrics(this.metrics())) return;
    for (const counted of [this.#releasesSeen, this.#messagesIn, this.#context.messagesOut, this.#context.timings]) {
      counted.reset();
    }
  }

  #openedQuorums(): Quorums {
    assert(this.#quorums !== null, "the superblock is not open");
    return this.#quorums;
  }

  #openedClock(): Clock {
    assert(this.#clock !== null, "the superblock is not open");
    return this.#clock;
  }

  /** What holds between any two handlers (spec 03 §3.4, §31). */
  #assertInvariants(): void {
    const { current, normal } = this.#context.status;
    if (current === "recovering") return;
    const { op, commitMin, commitMax } = this.#context.log;
    const { opCheckpoint } = this.#context.window;
    this.#context.log.assertInvariants();
    assert(this.#ports.journal.headerWithOp(op) !== null, () => `the head ${op} is not in the log`);
    assert(opCheckpoint <= commitMin, () => `commit_min ${commitMin} below the checkpoint ${opCheckpoint}`);
    this.#assertHeadFits();
    this.#assertAlone();
    this.#viewChange.assertInvariants();
    assert(
      !normal || this.#context.view.view === this.#context.view.logView,
      () => `log_view ${this.#context.view.logView} in status normal`,
    );
    assert(
      this.#context.roles.primary === (this.#context.pipeline.kind === "queue"),
      () => `the pipeline is a ${this.#context.pipeline.kind}`,
    );
    if (!this.#context.roles.primary) return;
    assert(commitMin === commitMax, () => `commit_min ${commitMin}, commit_max ${commitMax}`);
    const { prepareCount } = this.#context.pipeline;
    assert(commitMax + prepareCount === op, () => `${prepareCount} prepares from ${commitMax} to ${op}`);
  }

  /** A replica that is alone in the vote has nobody to change views or to sync with. */
  #assertAlone(): void {
    if (!this.#context.identity.solo) return;
    const { current } = this.#context.status;
    const { stage } = this.#repair.stateSync;
    assert(current === "normal", () => `a solo replica in status ${current}`);
    assert(stage === "idle", () => `a solo replica syncs: ${stage}`);
  }

  /** The head overwrites nothing that is still needed. */
  #assertHeadFits(): void {
    const { config } = this.#options;
    const { op, commitMax } = this.#context.log;
    const { opCheckpointNextSync: next, opPrepareMaxSync: opMax } = this.#context.window;
    assert(op < next + config.cluster.journalSlotCount, () => `head ${op} overwrites the next checkpoint, ${next}`);
    assert(op <= opMax || durable(config, next, commitMax), () => `head ${op} overwrites what is needed (${opMax})`);
  }
}

/** Takes the messages of a connection and does nothing with them. */
function drop(buffer: MessageBuffer): void {
  while (buffer.next() !== null) buffer.consume().release();
}
