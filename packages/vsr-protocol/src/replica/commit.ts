/**
 * The commit loop: takes committed ops one by one through their stages (spec 03 §16).
 *
 * ```text
 *   idle ─▶ start ─▶ check_prepare ─▶ prefetch ─▶ stall ─▶ reply_setup ─▶ execute
 *    ▲        ▲                                                              │
 *    └────────┴── checkpoint_superblock ◀─ checkpoint_data ◀─ compact ◀─ checkpoint_durable
 * ```
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import { RegisterRequest } from "../body/register.ts";
import { durable } from "../checkpoint.ts";
import type { ClientReplies } from "../clients/replies.ts";
import type { Config } from "../config/config.ts";
import { fatal, FatalReason } from "../fatal.ts";
import { HEADER_SIZE_BYTES } from "../message/frame.ts";
import type { Message } from "../message/message.ts";
import { PrepareHeader } from "../message/prepare.ts";
import { Operation, operationExecutedByStateMachine } from "../operation.ts";
import type { Logger } from "../ports/logger.ts";
import type { Committing, StateMachine } from "../ports/state-machine.ts";
import type { Release } from "../release.ts";
import { snapshotReadableAtCommit } from "../snapshot.ts";
import type { SuperBlock } from "../superblock/superblock.ts";
import type { Timeout } from "../timeout.ts";
import type { CheckpointWindow } from "./checkpoint-window.ts";
import type { Execution } from "./execution.ts";
import type { LogPosition } from "./log-position.ts";
import type { Pipeline } from "./pipeline.ts";
import type { NextPrepare } from "./next-prepare.ts";
import type { Replies } from "./replies.ts";
import type { Roles } from "./roles.ts";
import type { Status } from "./status.ts";
import type { Timeouts } from "./timeouts.ts";
import type { ReplicaTimings } from "./timings.ts";

/** Where the loop stands; also the label in metrics. */
export type CommitStage =
  | "idle"
  | "start"
  | "check_prepare"
  | "prefetch"
  | "stall"
  | "reply_setup"
  | "execute"
  | "checkpoint_durable"
  | "compact"
  | "checkpoint_data"
  | "checkpoint_superblock";

/** What follows a stage when it is done, as long as there are ops to execute. */
const NEXT: { readonly [Stage in Exclude<CommitStage, "idle">]: CommitStage } = {
  start: "check_prepare",
  check_prepare: "prefetch",
  prefetch: "stall",
  stall: "reply_setup",
  reply_setup: "execute",
  execute: "checkpoint_durable",
  checkpoint_durable: "compact",
  compact: "checkpoint_data",
  checkpoint_data: "checkpoint_superblock",
  checkpoint_superblock: "start",
};

/**
 * What makes checkpoints durable: the grid and all that lives in it. The loop says when, at the same ops on every replica
 * (spec 03 §16.9, spec 04 §22). Callbacks run once, never from inside the call.
 */
export interface Checkpointer {
  /** Whether the blocks released before the current checkpoint are free already. */
  readonly durable: boolean;
  /** A quorum has the current checkpoint: frees the blocks that were released before it. */
  markDurable(callback: () => void): void;
  /**
   * Writes everything that the next checkpoint consists of: the state machine's, the client sessions' and the free set's
   * blocks. Waits for the client replies and the AOF.
   */
  writeData(callback: () => void): void;
  /** Makes the superblock refer to it, then releases what the checkpoint before it needed. */
  writeSuperBlock(callback: () => void): void;
}

/** What the loop works with. */
export interface CommitOptions {
  readonly config: Config;
  readonly release: Release;
  /** The largest prepare, header included, in bytes. */
  readonly requestSizeLimit: number;
  readonly aofRecovery: boolean;
  readonly log: LogPosition;
  readonly window: CheckpointWindow;
  readonly pipeline: Pipeline;
  readonly superblock: Pick<SuperBlock, "working">;
  readonly stateMachine: Pick<StateMachine, "prefetch" | "compact" | "commitTimestamp">;
  readonly clientReplies: Pick<ClientReplies, "writeAvailable" | "whenWriteAvailable">;
  readonly nextPrepare: NextPrepare;
  readonly execution: Execution;
  readonly replies: Replies;
  readonly checkpointer: Checkpointer | null;
  readonly status: Pick<Status, "current" | "normal">;
  readonly roles: Pick<Roles, "primary" | "ofPrimary">;
  readonly timeouts: Timeouts;
  readonly timings: ReplicaTimings;
  readonly logger: Logger;
  /** How many replicas must have a prepare on disk. */
  readonly quorumReplication: () => number;
  /** For how many ticks the op that comes next has to wait, so that the backups keep up. Asked once an op. */
  readonly stallTicks: () => number;
  /** Whether a state sync is under way, in any of its stages. */
  readonly syncing: () => boolean;
  /** Runs when the step that a state sync waited for has completed: {@link Commit.cancel} is to follow. */
  readonly onCancelled: () => void;
  /** Runs before the blocks that the last checkpoint released are freed: a quorum has that checkpoint. */
  readonly onCheckpointDurable: () => void;
  /** Runs before a checkpoint is written. */
  readonly onCheckpoint: () => void;
  /** Runs after a checkpoint was written here. */
  readonly onCheckpointed: () => void;
  /** Runs after each executed op, once it has left the queue and the reply is sent. */
  readonly onExecuted: () => void;
  /** Runs when a checkpoint is for another release: nothing is executed any more. */
  readonly onRelease: (release: Release) => void;
  /** Runs when there is nothing more to execute. */
  readonly onIdle: () => void;
}

/** The prepare in work, as the state machine sees it. One object, filled in for each op. */
class CommittingPrepare implements Committing {
  client = 0n;
  op = 0;
  timestamp = 0n;
  operation = 0;
  body: Uint8Array = new Uint8Array(0);

  fill(message: Message): void {
    const header = message.as(PrepareHeader);
    this.client = header.client;
    this.op = header.op;
    this.timestamp = header.timestamp;
    this.operation = header.operation;
    this.body = message.body();
  }
}

/** Executes ops strictly in order. At most one is under way. */
export class Commit {
  readonly #options: CommitOptions;
  readonly #committing = new CommittingPrepare();
  #opened = false;
  #stage: CommitStage = "idle";
  /** The prepare in work, with a reference; set from `check_prepare` to the end of the op. */
  #prepare: Message | null = null;
  /** Whether the stage waits for a completion. */
  #waiting = false;
  /** When the stage began (monotonic, ns). */
  #stageStartedAt = 0n;
  /** When the work on the op began, with its prefetch (monotonic, ns). */
  #prefetchStartedAt = 0n;
  /** Whether the loop is on the call stack: completions that come from inside a stage only clear `#waiting`. */
  #entered = false;

  constructor(options: CommitOptions) {
    this.#options = options;
  }

  /** What the loop does, or waits for. */
  get stage(): CommitStage {
    return this.#stage;
  }

  /** Whether the state machine is open. */
  get open(): boolean {
    return this.#opened;
  }

  /** The state machine is open: from now on there can be commits. */
  opened(): void {
    assert(!this.#opened, "the state machine is open already");
    this.#opened = true;
  }

  /** Executes what can be executed. Does nothing if the loop is at it already. */
  run(): void {
    const { syncing, nextPrepare, timings } = this.#options;
    if (!this.#opened || this.#stage !== "idle" || syncing() || !nextPrepare.possible) return;
    this.#stage = "start";
    this.#stageStartedAt = timings.now();
    this.#loop();
  }

  /**
   * Drops the op in work, for a state sync: the state that it belongs to is replaced. Nothing that the loop waits for may
   * complete any more. Nothing is executed until {@link Commit.opened}.
   */
  cancel(): void {
    const { syncing } = this.#options;
    assert(syncing(), "only a state sync cancels an op");
    assert(!this.#entered, () => `${this.#stage} is cancelled from inside`);
    const writing = this.#stage === "checkpoint_data" || this.#stage === "checkpoint_superblock";
    assert(!writing, "a checkpoint is never cancelled while it is written");
    this.#prepare?.release();
    this.#prepare = null;
    this.#waiting = false;
    this.#stage = "idle";
    this.#opened = false;
  }

  /** The commit_stall timeout: the backups had their time. */
  onStallTimeout(timeout: Timeout): void {
    timeout.stop();
    this.#completed("stall");
  }

  #loop(): void {
    assert(!this.#entered && !this.#waiting, "the loop runs once at a time");
    this.#entered = true;
    while (this.#stage !== "idle") {
      this.#perform(this.#stage);
      if (this.#waiting) break;
      this.#advance();
    }
    this.#entered = false;
    if (this.#stage === "idle") this.#options.onIdle();
  }

  /** Begins a stage, and ends it too unless it waits for a completion. */
  #perform(stage: Exclude<CommitStage, "idle">): void {
    switch (stage) {
      case "start":
        return this.#start();
      case "check_prepare":
        return this.#checkPrepare();
      case "prefetch":
        return this.#prefetch();
      case "stall":
        return this.#stall();
      case "reply_setup":
        return this.#replySetup();
      case "execute":
        return this.#execute();
      case "checkpoint_durable":
        return this.#checkpointDurable();
      case "compact":
        return this.#compact();
      case "checkpoint_data":
        return this.#checkpointData();
      case "checkpoint_superblock":
        return this.#checkpointSuperBlock();
    }
  }

  /** The stage waits until `completed` is called for it. */
  #wait(): void {
    assert(!this.#waiting, () => `${this.#stage} waits already`);
    this.#waiting = true;
  }

  #completed(stage: CommitStage): void {
    assert(this.#waiting && this.#stage === stage, () => `${stage} completes during ${this.#stage}`);
    this.#waiting = false;
    if (this.#entered) return;
    if (this.#options.syncing()) return this.#options.onCancelled();
    this.#advance();
    this.#loop();
  }

  /** The only place where the stage changes. */
  #advance(): void {
    assert(this.#stage !== "idle" && !this.#waiting, () => `${this.#stage} is not done`);
    this.#stageStartedAt = this.#options.timings.stageEnded(this.#stage, this.#stageStartedAt);
    if (this.#stage === "checkpoint_superblock") this.#finishOp();
    const nothingChosen = this.#stage === "start" && this.#prepare === null;
    this.#stage = nothingChosen ? "idle" : NEXT[this.#stage];
  }

  #finishOp(): void {
    const { release, superblock, onRelease } = this.#options;
    assert(this.#prepare !== null, "an op ends with its prepare");
    this.#recordRequest();
    this.#prepare.release();
    this.#prepare = null;
    const checkpointRelease = superblock.working.checkpoint.release;
    assert(release <= checkpointRelease, () => `release ${release} executes for release ${checkpointRelease}`);
    if (release === checkpointRelease) return;
    this.#opened = false;
    onRelease(checkpointRelease);
  }

  /** Outside of status normal ops are old, and how long they took says nothing of the cluster. */
  #recordRequest(): void {
    const { status, timings } = this.#options;
    const { operation, timestamp } = this.#committing;
    if (!status.normal) return;
    timings.requestReached("replica_request", operation, timestamp);
    timings.committedLocally(operation, this.#prefetchStartedAt);
  }

  #start(): void {
    assert(this.#prepare === null, "an op begins without a prepare");
    if (!this.#opened) return;
    this.#wait();
    this.#options.nextPrepare.take((prepare) => {
      this.#prepare = prepare;
      this.#completed("start");
    });
  }

  #checkPrepare(): void {
    const { release, log, window, superblock, stateMachine, aofRecovery, roles } = this.#options;
    const message = this.#preparing();
    const header = message.as(PrepareHeader);
    this.#committing.fill(message);
    assert(header.op === log.commitMin + 1, () => `op ${header.op} after op ${log.commitMin}`);
    assert(header.op <= window.opCheckpointNextTrigger, () => `op ${header.op} before its checkpoint`);
    const checkpointRelease = superblock.working.checkpoint.release;
    assert(release === checkpointRelease, () => `release ${release} executes for release ${checkpointRelease}`);
    assert(this.#options.nextPrepare.follows(header), () => `op ${header.op} breaks the hash chain`);
    if (!aofRecovery && header.timestamp <= stateMachine.commitTimestamp) {
      assert(!roles.primary, () => `op ${header.op} of ${header.timestamp} after ${stateMachine.commitTimestamp}`);
      fatal(
        FatalReason.cli,
        `the timestamp of op ${header.op} in the log is not above that of the op before it: the log is that of an AOF recovery, start with --aof-recovery`,
      );
    }
    this.#checkLimits(message, header);
  }

  /** What the log holds may ask for more than this process was started for. */
  #checkLimits(message: Message, header: PrepareHeader): void {
    const { requestSizeLimit } = this.#options;
    let sizeNeeded = header.size;
    if (header.operation === Operation.register) {
      // Results depend on the limit, so a client's sessions cannot go on with a lower one.
      sizeNeeded = Math.max(sizeNeeded, HEADER_SIZE_BYTES + new RegisterRequest(message.body()).batchSizeLimit);
    }
    if (sizeNeeded > requestSizeLimit) {
      fatal(
        FatalReason.cli,
        `op ${header.op} in the log was made with a request limit of at least ${sizeNeeded} bytes, but this process has ${requestSizeLimit}: ` +
          "start with the --limit-request (and --development or not) of the runs before",
      );
    }
  }

  #prefetch(): void {
    const { stateMachine } = this.#options;
    const { operation, op } = this.#committing;
    this.#prefetchStartedAt = this.#stageStartedAt;
    if (!operationExecutedByStateMachine(operation)) return;
    this.#wait();
    stateMachine.prefetch(this.#committing, this.#snapshot(op), () => this.#completed("prefetch"));
  }

  /** What scans see: everything before the op; while the ops after a checkpoint are replayed, the checkpoint. */
  #snapshot(op: number): number {
    const { window } = this.#options;
    return window.contains(op) ? snapshotReadableAtCommit(window.opCheckpointTrigger) : op;
  }

  #stall(): void {
    const { stallTicks, timeouts } = this.#options;
    const ticks = stallTicks();
    if (ticks === 0) return;
    const timeout = timeouts.get("commitStall");
    timeout.start();
    timeout.setAfterDynamicTicks(ticks);
    this.#wait();
  }

  /** Execution never waits, so there must be room for its reply. */
  #replySetup(): void {
    const { clientReplies } = this.#options;
    if (clientReplies.writeAvailable) return;
    this.#wait();
    clientReplies.whenWriteAvailable(() => this.#completed("reply_setup"));
  }

  #execute(): void {
    const { roles, status, pipeline, log, execution, nextPrepare, replies, timings } = this.#options;
    const { quorumReplication, onExecuted } = this.#options;
    const message = this.#preparing();
    const { op, operation, timestamp } = this.#committing;
    const asPrimary = roles.primary;
    const reply = execution.execute(message, this.#committing);
    if (asPrimary) {
      const popped = pipeline.popPrepare();
      assert(popped.message === message, () => `op ${popped.op} leaves the queue when op ${op} is executed`);
      assert(
        popped.okCount >= quorumReplication(),
        () => `op ${op} is executed with ${popped.okCount} acknowledgements`,
      );
      popped.message.release();
    }
    log.executed(op);
    nextPrepare.executed(message.as(PrepareHeader));
    if (reply !== null) {
      const sent = replies.sendExecuted(reply);
      reply.release();
      if (sent && status.normal) timings.requestReached("replica_request_execute", operation, timestamp);
    }
    onExecuted();
  }

  #checkpointDurable(): void {
    const { config, log, window, checkpointer, onCheckpointDurable } = this.#options;
    if (checkpointer === null || checkpointer.durable) return;
    if (!durable(config, window.opCheckpoint, log.commitMin)) return;
    const first = window.opCheckpointTrigger + config.cluster.pipelinePrepareQueueMax + 1;
    assert(
      window.opCheckpoint === 0 || log.commitMin === first,
      () => `op ${log.commitMin}, not ${first}, frees blocks`,
    );
    onCheckpointDurable();
    this.#wait();
    checkpointer.markDurable(() => this.#completed("checkpoint_durable"));
  }

  #compact(): void {
    const { stateMachine, log } = this.#options;
    this.#wait();
    stateMachine.compact(log.commitMin, () => this.#completed("compact"));
  }

  /** Whether the op that was just executed is the one that writes a checkpoint. */
  #checkpointDue(): boolean {
    const { log, window } = this.#options;
    assert(log.commitMin <= window.opCheckpointNextTrigger, () => `op ${log.commitMin} missed its checkpoint`);
    return log.commitMin === window.opCheckpointNextTrigger;
  }

  #checkpointData(): void {
    if (!this.#checkpointDue()) return;
    const { checkpointer, onCheckpoint } = this.#options;
    assert(checkpointer !== null, "a log that cannot be checkpointed takes no op that needs it");
    onCheckpoint();
    this.#wait();
    checkpointer.writeData(() => this.#completed("checkpoint_data"));
  }

  #checkpointSuperBlock(): void {
    if (!this.#checkpointDue()) return;
    const { checkpointer } = this.#options;
    assert(checkpointer !== null, "a checkpoint was written");
    this.#wait();
    checkpointer.writeSuperBlock(() => {
      this.#options.onCheckpointed();
      this.#completed("checkpoint_superblock");
    });
  }

  #preparing(): Message {
    assert(this.#prepare !== null, () => `${this.#stage} without a prepare`);
    return this.#prepare;
  }
}
