/**
 * The replica: the switchboard that joins the modules of the protocol (spec 03).
 *
 * It decides nothing itself. Each module owns its state; what two of them need has a home of its own (`log-position.ts`,
 * `view-durable.ts`, `pipeline.ts`). All of it is driven from outside: by ticks, messages and completions.
 *
 * This release runs clusters of one replica.
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import { ClientReplies } from "../clients/replies.ts";
import { ClientSessions } from "../clients/sessions.ts";
import { Clock } from "../clock/clock.ts";
import { Command } from "../command.ts";
import type { MessageBuffer } from "../message/message-buffer.ts";
import type { Message } from "../message/message.ts";
import type { MessageBusReceiver } from "../ports/message-bus.ts";
import { type Quorums, quorums } from "../quorums.ts";
import { Random } from "../random.ts";
import { CheckpointReader } from "./checkpoint-reader.ts";
import { CheckpointWindow } from "./checkpoint-window.ts";
import { CheckpointWriter } from "./checkpoint-writer.ts";
import { Commit, type CommitStage } from "./commit.ts";
import { Evictions } from "./evictions.ts";
import { Execution } from "./execution.ts";
import { Identity } from "./identity.ts";
import { Ingress } from "./ingress.ts";
import { LogPosition } from "./log-position.ts";
import { LogRoom } from "./log-room.ts";
import { MessageBuilder } from "./message-builder.ts";
import { MessageCounters, ReleasesSeen, type ReplicaMetrics } from "./metrics.ts";
import { Normal } from "./normal.ts";
import { assertOptions, type ReplicaOptions, type ReplicaPorts } from "./options.ts";
import { Outbox } from "./outbox.ts";
import { Pings } from "./ping.ts";
import { Pipeline } from "./pipeline.ts";
import { PrefixedLogger } from "./prefixed-logger.ts";
import { Pulses } from "./pulse.ts";
import { Replies } from "./replies.ts";
import { Requests } from "./request.ts";
import { Roles } from "./roles.ts";
import { Startup } from "./startup.ts";
import { type ReplicaStatus, Status, STATUS_METRIC, statusLetter } from "./status.ts";
import { TIMEOUTS, type TimeoutHandlers, Timeouts } from "./timeouts.ts";
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
  /** Whether requests are taken: the log is replayed and the view is durable. */
  readonly serving: boolean;
}

/** The timeouts that no module of a replica that is alone starts. */
const UNUSED_TIMEOUTS = Object.fromEntries(
  TIMEOUTS.map(({ name }) => [name, () => assert(false, () => `timeout ${name} fires`)]),
) as unknown as TimeoutHandlers;

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
  readonly #log: LogPosition;
  readonly #window: CheckpointWindow;
  readonly #view: DurableView;
  readonly #pipeline: Pipeline;
  readonly #normal: Normal;
  readonly #pulses: Pulses;
  readonly #commit: Commit;
  readonly #startup: Startup;
  readonly #ingress: Ingress;
  readonly #timeouts: Timeouts;
  #clock: Clock | null = null;
  #quorums: Quorums | null = null;

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

    // What modules share. Each takes only what its options name.
    const log = new LogPosition(config.cluster.pipelinePrepareQueueMax);
    const window = new CheckpointWindow(config, {
      opCheckpoint: () => superblock.working.checkpointHeader.op,
      checkpointSync: () => superblock.checkpointIds,
    });
    const onDurable = (): void => this.#startup.onViewDurable();
    const view = new DurableView({ config, superblock, commitMax: () => log.commitMax, onDurable });
    const opMax = stateMachine.checkpoints ? null : () => window.opCheckpointNextTrigger - 1;
    const room = new LogRoom(opMax, time, this.#logger);
    const pipeline = new Pipeline({
      prepareQueueMax: config.cluster.pipelinePrepareQueueMax,
      requestQueueMax: options.pipelineRequestQueueLimit,
    });
    const sessions = new ClientSessions({ config, memory: ports.memory });
    const clientReplies = new ClientReplies({ config, storage: ports.storage, sessions, messages: pool, checksums });
    const roles = new Roles({ identity: this.#identity, status: this.#status, view });
    const shared = { ...ports, ...options, identity: this.#identity, status: this.#status, roles, log, window, view };
    const outbox = new Outbox({
      ...shared,
      counters: this.#messagesOut,
      syncing: () => false,
      joinViewQuorum: () => false,
      opPrepareOkMax: () => window.opPrepareOkMax(true, log.commitMax),
      deliver: (message) => this.#ingress.onMessage(message),
    });
    const messages = new MessageBuilder(shared);
    const timeouts = new Timeouts({ config, random: new Random(BigInt.asUintN(64, options.nonce)) });
    const context = {
      ...shared,
      logger: this.#logger,
      room,
      pipeline,
      sessions,
      clientReplies,
      outbox,
      messages,
      timeouts,
    };

    const checkpointer = store === null ? null : new CheckpointWriter({ ...context, store });
    const checkpointReader = store === null ? null : new CheckpointReader({ ...context, store });
    const evictions = new Evictions(context);
    const replies = new Replies(context);
    const normal = new Normal({
      ...context,
      quorumReplication: () => this.#quorumReplication(),
      onPrepared: () => this.#onPrepared(),
      onQuorum: () => this.#commit.run(),
      onJournalWritten: () => this.#ingress.resume(),
    });
    const requests = new Requests({
      ...context,
      limits: options,
      clock: () => this.#openedClock(),
      normal,
      replies,
      evictions,
    });
    const pings = new Pings({ ...context, evictions });
    const execution = new Execution({ ...context, replies });

    this.#log = log;
    this.#window = window;
    this.#view = view;
    this.#pipeline = pipeline;
    this.#normal = normal;
    this.#pulses = new Pulses({
      ...context,
      logHasRoom: () => requests.logHasRoom,
      onRequest: (request) => requests.onRequest(request),
    });
    this.#commit = new Commit({
      ...context,
      checkpointer,
      execution,
      replies,
      source: () => (this.#status.normal ? "queue" : "journal"),
      onExecuted: () => this.#onExecuted(),
      onIdle: () => this.#startup.onCommitIdle(),
    });
    this.#startup = new Startup({
      ...context,
      options,
      checkpointReader,
      commit: this.#commit,
      onIdentity: () => this.#onIdentity(),
      onReplayed: () => this.#becomePrimary(),
    });
    this.#ingress = new Ingress({
      ...context,
      nodeCount: options.addressCount,
      counters: this.#messagesIn,
      releasesSeen: this.#releasesSeen,
      handlers: new Map([
        [Command.request, (message: Message) => requests.onRequest(message)],
        [Command.pingClient, (message: Message) => pings.onPingClient(message)],
      ]),
    });
    this.#timeouts = timeouts;
    timeouts.connect({
      ...UNUSED_TIMEOUTS,
      pulse: (timeout) => {
        timeout.reset();
        this.#pulses.onTimeout();
      },
      traceEmit: (timeout) => {
        timeout.reset();
        this.#emitMetrics();
      },
    });
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
      serving: this.#startup.stage === "serving",
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
    this.#ports.bus.tick();
    if (this.#clock === null) return;
    this.#clock.tick();
    this.#timeouts.tick();
    this.#assertInvariants();
  }

  /** Takes the complete messages of a connection. */
  onMessages(buffer: MessageBuffer): void {
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
      replica_sync_stage: 0,
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

  /** The superblock says who this replica is. */
  #onIdentity(): void {
    const { config } = this.#options;
    const { replica, replicaCount } = this.#identity;
    this.#quorums = quorums(replicaCount, config.cluster.quorumReplicationMax);
    this.#clock = new Clock({
      config,
      time: this.#ports.time,
      logger: this.#logger,
      replicaCount,
      replica,
      quorumReplication: this.#quorums.replication,
    });
    this.#timeouts.get("traceEmit").start();
  }

  /** Recovering → normal: the log is executed, and nobody else can be primary. */
  #becomePrimary(): void {
    assert(this.#view.view === this.#view.logView, () => `view ${this.#view.view}, log_view ${this.#view.logView}`);
    assert(this.#identity.primaryOf(this.#view.view), "alone, a replica is the primary of every view");
    assert(this.#commit.stage === "idle" && this.#pipeline.prepareCount === 0, "nothing is under way");
    this.#status.transition("normal");
    this.#pipeline.toQueue(this.#log.commitMax + 1, this.#log.op);
    // Pulses are in the AOF that is replayed.
    if (!this.#options.aofRecovery) this.#timeouts.get("pulse").start();
  }

  #onPrepared(): void {
    if (!this.#options.aofRecovery) this.#timeouts.get("pulse").reset();
  }

  #onExecuted(): void {
    this.#startup.onExecuted();
    if (!this.#status.normal) return;
    this.#normal.afterExecute();
    this.#pulses.afterExecute();
  }

  #emitMetrics(): void {
    this.#ports.onMetrics?.(this.metrics());
    this.#releasesSeen.reset();
  }

  #quorumReplication(): number {
    assert(this.#quorums !== null, "the superblock is not open");
    return this.#quorums.replication;
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
    if (!this.#status.normal) return;
    const { op, commitMin, commitMax } = this.#log;
    const { opCheckpoint, opPrepareMax } = this.#window;
    this.#log.assertInvariants();
    assert(this.#ports.journal.headerWithOp(op) !== null, () => `the head ${op} is not in the log`);
    assert(
      opCheckpoint <= commitMin && op <= opPrepareMax,
      () => `op ${op} outside ${opCheckpoint} to ${opPrepareMax}`,
    );
    assert(this.#view.view === this.#view.logView, () => `view ${this.#view.view}, log_view ${this.#view.logView}`);
    assert(commitMin === commitMax, () => `commit_min ${commitMin}, commit_max ${commitMax}`);
    const { prepareCount } = this.#pipeline;
    assert(commitMax + prepareCount === op, () => `${prepareCount} prepares from ${commitMax} to ${op}`);
  }
}
