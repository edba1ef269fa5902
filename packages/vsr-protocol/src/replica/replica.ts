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
import { ClientReplies } from "../clients/replies.ts";
import { ClientSessions } from "../clients/sessions.ts";
import { Clock } from "../clock/clock.ts";
import { Command } from "../command.ts";
import { fatal, FatalReason } from "../fatal.ts";
import type { MessageBuffer } from "../message/message-buffer.ts";
import type { Message } from "../message/message.ts";
import type { MessageBusReceiver } from "../ports/message-bus.ts";
import { type Quorums, quorums } from "../quorums.ts";
import { Random } from "../random.ts";
import { formatRelease, type Release } from "../release.ts";
import type { Timeout } from "../timeout.ts";
import { CheckpointReader } from "./checkpoint-reader.ts";
import { viewAtCheckpoint } from "./checkpoint-view.ts";
import { CheckpointWindow } from "./checkpoint-window.ts";
import { CheckpointWriter } from "./checkpoint-writer.ts";
import { Commit, type CommitStage } from "./commit.ts";
import { Execution } from "./execution.ts";
import { Identity } from "./identity.ts";
import { Ingress, type MessageHandlers } from "./ingress.ts";
import { LogPosition } from "./log-position.ts";
import { LogRoom } from "./log-room.ts";
import { MessageBuilder } from "./message-builder.ts";
import { MessageCounters, ReleasesSeen, type ReplicaMetrics } from "./metrics.ts";
import { NormalCase } from "./normal-case.ts";
import { assertOptions, type ReplicaOptions, type ReplicaPorts } from "./options.ts";
import { Outbox } from "./outbox.ts";
import { Pipeline } from "./pipeline.ts";
import { PrefixedLogger } from "./prefixed-logger.ts";
import { Repair } from "./repair/repair.ts";
import { Roles } from "./roles.ts";
import { stallTicks } from "./stall.ts";
import { Startup } from "./startup.ts";
import { StateOpening } from "./state-opening.ts";
import { type ReplicaStatus, Status, STATUS_METRIC, statusLetter } from "./status.ts";
import { SYNC_STAGE_METRIC, type SyncStage } from "./sync/state-sync.ts";
import { type TimeoutHandlers, Timeouts } from "./timeouts.ts";
import { ViewChange } from "./view-change/view-change.ts";
import { DurableView } from "./view-durable.ts";

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
  readonly #logger: PrefixedLogger;
  readonly #identity = new Identity();
  readonly #status = new Status();
  readonly #messagesIn = new MessageCounters();
  readonly #messagesOut = new MessageCounters();
  readonly #releasesSeen = new ReleasesSeen();
  readonly #roles: Roles;
  readonly #log: LogPosition;
  readonly #window: CheckpointWindow;
  readonly #view: DurableView;
  readonly #pipeline: Pipeline;
  readonly #outbox: Outbox;
  readonly #normalCase: NormalCase;
  readonly #viewChange: ViewChange;
  readonly #repair: Repair;
  readonly #stateOpening: StateOpening;
  readonly #commit: Commit;
  readonly #startup: Startup;
  readonly #ingress: Ingress;
  readonly #timeouts: Timeouts;
  #clock: Clock | null = null;
  #quorums: Quorums | null = null;
  /** Whether another release has to go on: this one does nothing any more. */
  #released = false;

  /** Allocates the session table. Nothing is read or written before `open`. */
  constructor(options: ReplicaOptions, ports: ReplicaPorts) {
    assertOptions(options);
    const { config } = options;
    const { superblock, stateMachine, checkpointStore: store, time, pool, checksums } = ports;
    assert(stateMachine.checkpoints === (store !== null), "a checkpoint store is for a state machine that checkpoints");
    this.#options = options;
    this.#ports = ports;
    this.#startTime = time.realtime();
    this.#logger = new PrefixedLogger(ports.logger, () => this.#prefix());

    const random = new Random(BigInt.asUintN(64, options.nonce));
    const log = new LogPosition(config.cluster.pipelinePrepareQueueMax);
    const window = new CheckpointWindow(config, {
      opCheckpoint: () => superblock.working.checkpointHeader.op,
      checkpointSync: () => this.#repair.stateSync.checkpointIds,
    });
    const view = new DurableView({
      config,
      superblock,
      commitMax: () => log.commitMax,
      syncCheckpoint: () => this.#repair.stateSync.syncCheckpoint,
      onWritten: () => this.#repair.stateSync.onViewDurable(),
      onDurable: () => this.#onViewDurable(),
    });
    const roles = new Roles({ identity: this.#identity, status: this.#status, view });
    const opMax = stateMachine.checkpoints ? null : () => window.opCheckpointNextTrigger - 1;
    const sessions = new ClientSessions({ config, memory: ports.memory });
    // What modules share. Each takes only what its options name.
    const shared = {
      ...ports,
      ...options,
      limits: options,
      pipelinePrepareQueueMax: config.cluster.pipelinePrepareQueueMax,
      identity: this.#identity,
      status: this.#status,
      logger: this.#logger,
      random,
      roles,
      log,
      window,
      view,
      sessions,
      room: new LogRoom(opMax, time, this.#logger),
      pipeline: new Pipeline({
        prepareQueueMax: config.cluster.pipelinePrepareQueueMax,
        requestQueueMax: options.pipelineRequestQueueLimit,
      }),
      clientReplies: new ClientReplies({ config, storage: ports.storage, sessions, messages: pool, checksums }),
      timeouts: new Timeouts({ config, random, afterTicks: options.timeoutTicks }),
      clock: () => this.#openedClock(),
      quorums: () => this.#openedQuorums(),
      quorumReplication: () => this.#openedQuorums().replication,
      releasesBundled: options.releasesBundled ?? ((): readonly Release[] => [options.release]),
      syncing: () => this.#repair.stateSync.syncing,
      updatingCheckpoint: () => this.#repair.stateSync.updatingCheckpoint,
      gridComplete: () => this.#repair.stateSync.gridComplete,
      stateMachineOpened: () => this.#commit.open,
      joinViewQuorum: () => this.#viewChange.joinViewQuorum,
      commitStage: () => this.#commit.stage,
      commit: () => this.#commit.run(),
      sendPrepareOks: () => this.#normalCase.acknowledgements.sendPrepareOksAfterCommitMax(),
      onJournalWritten: () => this.#ingress.resume(),
      onRelease: (release: Release) => this.#onRelease(release),
    };
    const outbox = new Outbox({
      ...shared,
      counters: this.#messagesOut,
      opPrepareOkMax: () => this.#normalCase.acknowledgements.opMax,
      deliver: (message) => this.#ingress.onMessage(message),
    });
    const messages = new MessageBuilder(shared);
    const context = { ...shared, outbox, messages };

    this.#roles = roles;
    this.#log = log;
    this.#window = window;
    this.#view = view;
    this.#pipeline = shared.pipeline;
    this.#outbox = outbox;
    this.#timeouts = shared.timeouts;
    this.#normalCase = new NormalCase({
      ...context,
      onRepair: (prepare) => this.#repair.prepares.onRepair(prepare),
      onFollowed: () => this.#onFollowed(),
      onCommitted: () => this.#commit.run(),
      onLost: () => this.#viewChange.exitView.send(),
      onAlive: () => this.#viewChange.exitView.clearOwn(),
      onQuorum: () => this.#commit.run(),
    });
    this.#viewChange = new ViewChange({
      ...context,
      journalRepair: {
        repair: () => this.#repair.journal.repair(),
        repairHeader: (header) => this.#repair.journal.repairHeader(header),
        replaceHeader: (header) => this.#repair.journal.replaceHeader(header),
      },
      takeForSync: (message) => this.#takeForSync(message),
      installCheckpoint: () => this.#repair.stateSync.installCheckpoint(),
      onViewLeft: () => this.#normalCase.onViewLeft(),
      onNormal: () => this.#normalCase.onNormal(),
    });
    const { replies, replication, upgrades, acknowledgements, heartbeats, progress } = this.#normalCase;
    const { viewMessages, viewInstaller, potentialPrimary } = this.#viewChange;
    this.#repair = new Repair({
      ...context,
      store,
      replication: {
        writePrepare: (message) => replication.writePrepare(message),
        sendPrepareOk: (header) => acknowledgements.sendPrepareOk(header),
      },
      requestView: (of) => viewMessages.requestView(of),
      potentialPrimary: () => potentialPrimary.work(),
      dropCommit: () => this.#dropCommit(),
      installLog: (message) => viewInstaller.installLog(message),
      onSynced: () => this.#onSynced(),
      switchRelease: (release) => this.#onRelease(release),
      onBlockWritten: () => this.#ingress.resume(),
      onTablesComplete: () => acknowledgements.sendPrepareOksAfterCheckpoint(),
    });
    const { stateSync, headerRepair } = this.#repair;
    const checkpointer =
      store === null
        ? null
        : new CheckpointWriter({
            ...context,
            store,
            viewAttributes: () => viewAtCheckpoint(context),
            syncComplete: () => stateSync.contentDone,
            checkpointRelease: () => upgrades.checkpointRelease ?? options.release,
          });
    const checkpointReader = store === null ? null : new CheckpointReader({ ...context, store });
    this.#commit = new Commit({
      ...context,
      checkpointer,
      execution: new Execution({ ...context, upgrades }),
      replies,
      validHashChain: () => headerRepair.validHashChain(),
      stallTicks: () => stallTicks({ ...context, progress }),
      onCancelled: () => this.#onCommitCancelled(),
      onCheckpointDurable: () => this.#onCheckpointDurable(),
      onCheckpoint: () => {
        if (roles.primary) heartbeats.send();
      },
      onCheckpointed: () => acknowledgements.sendPrepareOksAfterCheckpoint(),
      onExecuted: () => this.#onExecuted(),
      onIdle: () => this.#onCommitIdle(),
    });
    this.#stateOpening = new StateOpening({ ...context, checkpointReader, commit: this.#commit });
    this.#startup = new Startup({
      ...context,
      options,
      commit: this.#commit,
      stateOpening: this.#stateOpening,
      transitions: this.#viewChange.transitions,
      onIdentity: () => this.#onIdentity(),
      onStateOpen: () => stateSync.onStateMachineOpened(),
    });
    this.#ingress = new Ingress({
      ...context,
      nodeCount: options.addressCount,
      counters: this.#messagesIn,
      releasesSeen: this.#releasesSeen,
      blockWriteAvailable: () =>
        store === null || (store.grid.repairWritesAvailable > 0 && !stateSync.updatingCheckpoint),
      deaf: () => stateSync.canceling,
      onHeader: (header) => this.#viewChange.jump(header),
      handlers: this.#handlers(),
    });
    this.#timeouts.connect(this.#timeoutHandlers());
  }

  /** Where the replica stands. Only after its superblock is open. */
  get state(): ReplicaState {
    return {
      status: this.#status.current,
      view: this.#view.view,
      logView: this.#view.logView,
      op: this.#log.op,
      opCheckpoint: this.#window.opCheckpoint,
      commitMin: this.#log.commitMin,
      commitMax: this.#log.commitMax,
      commitStage: this.#commit.stage,
      syncStage: this.#repair.stateSync.stage,
      syncContentDone: this.#repair.stateSync.contentDone,
      serving: this.#startup.stage === "serving" && this.#roles.primary && !this.#view.updating,
    };
  }

  /**
   * Starts from the data file: recovers the log, makes a view of its own durable, and executes what the log holds.
   *
   * @param callback runs once, when requests are served. Never from inside the call.
   * @throws FatalError from here or from a later completion, with one line for the operator: the file is damaged, is not
   * for this release or these options, or is of a kind that this release does not run.
   */
  open(callback: () => void): void {
    this.#startup.open(callback);
  }

  /** To be called every `tickMs`. */
  tick(): void {
    assert(!this.#outbox.loopbackPending, "a message of the replica to itself was not delivered");
    if (this.#released) return;
    if (this.#clock !== null) this.#normalCase.heartbeats.tick();
    this.#clock?.tick();
    this.#ports.bus.tick();
    if (this.#clock === null) return;
    this.#timeouts.tick();
    assert(!this.#ingress.stuck, "messages wait although they could be taken");
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
    const { op, commitMin, commitMax } = this.#log;
    return (
      `${this.#prefix()} ${this.#status.current} view=${this.#view.view} log_view=${this.#view.logView} op=${op} ` +
      `commit_min=${commitMin} commit_max=${commitMax} checkpoint=${this.#window.opCheckpoint} commit=${this.#commit.stage} ` +
      `prepares=${this.#pipeline.prepareCount} requests=${this.#pipeline.requestCount} start=${this.#startup.stage}`
    );
  }

  /** All numbers. Only after the superblock is open. */
  metrics(): ReplicaMetrics {
    const { journal, stateMachine, superblock } = this.#ports;
    const { vsrState } = superblock.working;
    return {
      replica_start: this.#startTime,
      replica_status: STATUS_METRIC[this.#status.current],
      replica_sync_stage: SYNC_STAGE_METRIC[this.#repair.stateSync.stage],
      replica_view: this.#view.view,
      replica_log_view: this.#view.logView,
      replica_op: this.#log.op,
      replica_op_checkpoint: this.#window.opCheckpoint,
      replica_commit_min: this.#log.commitMin,
      replica_commit_max: this.#log.commitMax,
      replica_commit_timestamp: stateMachine.commitTimestamp,
      replica_pipeline_queue_length: this.#pipeline.prepareCount + this.#pipeline.requestCount,
      replica_sync_op_min: vsrState.syncOpMin,
      replica_sync_op_max: vsrState.syncOpMax,
      journal_dirty: journal.dirtyCount,
      journal_faulty: journal.faultyCount,
      release: this.#options.release,
      release_seen_client_min: this.#releasesSeen.min,
      release_seen_client_max: this.#releasesSeen.max,
      clock_delta_ns: this.#clock?.clockDeltaNs ?? 0n,
      replica_messages_in: this.#messagesIn.snapshot(),
      replica_messages_out: this.#messagesOut.snapshot(),
    };
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
    const { replica, replicaCount } = this.#identity;
    this.#quorums = quorums(replicaCount, config.cluster.quorumReplicationMax);
    this.#normalCase.progress.load(replicaCount);
    this.#clock = new Clock({
      config,
      time: this.#ports.time,
      logger: this.#logger,
      replicaCount,
      replica,
      quorumReplication: this.#quorums.replication,
    });
    this.#repair.stateSync.onSuperBlockOpened();
    this.#timeouts.start("traceEmit");
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
    const { commitMin, op } = this.#log;
    this.#startup.onCommitIdle();
    if (commitMin === op && this.#status.current === "view_change") this.#repair.journal.repair();
  }

  /** Whether a `view` has a checkpoint that this replica needs. Then its log is not installed now. */
  #takeForSync(view: Message): boolean {
    const { stateSync } = this.#repair;
    if (stateSync.decide(view) === "repair") return false;
    stateSync.start(view);
    return true;
  }

  /** The step that was under way has completed. If the grid is being cancelled, too, nobody waits for it any more. */
  #onCommitCancelled(): void {
    const { stateSync } = this.#repair;
    if (stateSync.stage === "canceling_commit") stateSync.onCommitCancelled();
  }

  #dropCommit(): void {
    this.#commit.abandon();
    this.#stateOpening.close();
  }

  /** The checkpoint of another replica is durable here: what hung on the old one begins anew. */
  #onSynced(): void {
    this.#normalCase.upgrades.reset();
    this.#repair.refillBudgets();
    for (const name of ["journalRepair", "gridRepair"] as const) {
      const timeout = this.#timeouts.get(name);
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
    if (this.#roles.primary) this.#normalCase.afterExecute();
  }

  /** Others can take over the checkpoint from now on, so they are told of it. */
  #onCheckpointDurable(): void {
    if (this.#roles.primary && !this.#identity.solo) this.#viewChange.viewMessages.broadcast();
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
    this.#ports.onMetrics?.(this.metrics());
    this.#releasesSeen.reset();
  }

  #openedQuorums(): Quorums {
    assert(this.#quorums !== null, "the superblock is not open");
    return this.#quorums;
  }

  #openedClock(): Clock {
    assert(this.#clock !== null, "the superblock is not open");
    return this.#clock;
  }

  /** `<index><status letter>:`, by which people and tests find a replica's lines. */
  #prefix(): string {
    if (!this.#identity.loaded) return "-r:";
    const primary = this.#identity.primaryOf(this.#view.view);
    return `${this.#identity.replica}${statusLetter(this.#status.current, primary)}:`;
  }

  /** What holds between any two handlers (spec 03 §3.4, §31). */
  #assertInvariants(): void {
    const { current, normal } = this.#status;
    if (current === "recovering") return;
    const { op, commitMin, commitMax } = this.#log;
    const { opCheckpoint } = this.#window;
    this.#log.assertInvariants();
    assert(this.#ports.journal.headerWithOp(op) !== null, () => `the head ${op} is not in the log`);
    assert(opCheckpoint <= commitMin, () => `commit_min ${commitMin} below the checkpoint ${opCheckpoint}`);
    this.#assertHeadFits();
    assert(!normal || this.#view.view === this.#view.logView, () => `log_view ${this.#view.logView} in status normal`);
    assert(this.#roles.primary === (this.#pipeline.kind === "queue"), () => `the pipeline is a ${this.#pipeline.kind}`);
    if (!this.#roles.primary) return;
    assert(commitMin === commitMax, () => `commit_min ${commitMin}, commit_max ${commitMax}`);
    const { prepareCount } = this.#pipeline;
    assert(commitMax + prepareCount === op, () => `${prepareCount} prepares from ${commitMax} to ${op}`);
  }

  /** The head overwrites nothing that is still needed. */
  #assertHeadFits(): void {
    const { config } = this.#options;
    const { op, commitMax } = this.#log;
    const { opCheckpointNextSync: next, opPrepareMaxSync: opMax } = this.#window;
    assert(op < next + config.cluster.journalSlotCount, () => `head ${op} overwrites the next checkpoint, ${next}`);
    assert(op <= opMax || durable(config, next, commitMax), () => `head ${op} overwrites what is needed (${opMax})`);
  }
}

/** Takes the messages of a connection and does nothing with them. */
function drop(buffer: MessageBuffer): void {
  while (buffer.next() !== null) buffer.consume().release();
}
