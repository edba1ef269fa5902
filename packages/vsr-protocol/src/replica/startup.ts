/**
 * From a data file to a replica that serves (spec 03 §8, §27, spec 04 §23).
 *
 * ```text
 *   closed ─▶ superblock ─▶ journal ─▶ checkpoint ─▶ state_machine ─▶ replay ─▶ view ─▶ serving
 * ```
 *
 * The view is written from `checkpoint` on, beside the rest; nothing is served before it is durable. Everything that
 * an operator can be wrong about is found before anything is written.
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import type { Config } from "../config/config.ts";
import { fatal, FatalReason } from "../fatal.ts";
import type { Journal, JournalRecoveryResult } from "../ports/journal.ts";
import type { Logger } from "../ports/logger.ts";
import type { StateMachine } from "../ports/state-machine.ts";
import type { Time } from "../ports/time.ts";
import { formatRelease, RELEASE_MAJOR_TEST } from "../release.ts";
import { viewHeadersInvalid } from "../view-headers.ts";
import type { SuperBlock } from "../superblock/superblock.ts";
import type { CheckpointReader } from "./checkpoint-reader.ts";
import type { CheckpointWindow } from "./checkpoint-window.ts";
import type { Commit } from "./commit.ts";
import { chainBreak, viewHeadersOfLog } from "./hash-chain.ts";
import { chooseHead, type Head } from "./head.ts";
import type { Identity } from "./identity.ts";
import type { LogPosition } from "./log-position.ts";
import type { LogRoom } from "./log-room.ts";
import type { ReplicaOptions } from "./options.ts";
import type { DurableView } from "./view-durable.ts";

/** How far the start has come. */
export type StartupStage =
  | "closed"
  | "superblock"
  | "journal"
  | "checkpoint"
  | "state_machine"
  | "replay"
  | "view"
  | "serving";

const STAGES: readonly StartupStage[] = [
  "closed",
  "superblock",
  "journal",
  "checkpoint",
  "state_machine",
  "replay",
  "view",
  "serving",
];

/** How often the operator hears of a long replay. */
const PROGRESS_NS = 1_000_000_000n;

/** What is started. */
export interface StartupOptions {
  readonly config: Config;
  readonly options: ReplicaOptions;
  readonly identity: Identity;
  readonly superblock: SuperBlock;
  readonly journal: Journal;
  readonly stateMachine: Pick<StateMachine, "open" | "checkpoints" | "commitTimestamp">;
  /** Null if the state machine keeps its state in memory. */
  readonly checkpointReader: CheckpointReader | null;
  readonly log: LogPosition;
  readonly window: CheckpointWindow;
  readonly room: LogRoom;
  readonly view: DurableView;
  readonly commit: Commit;
  readonly time: Time;
  readonly logger: Logger;
  /** Runs when the superblock is open and fits the options. */
  readonly onIdentity: () => void;
  /** Runs when all of the log is executed: the replica becomes a primary in status normal. */
  readonly onReplayed: () => void;
}

/** Starts one replica, once. */
export class Startup {
  readonly #options: StartupOptions;
  #stage: StartupStage = "closed";
  #callback: (() => void) | null = null;
  #progressAt = 0n;

  constructor(options: StartupOptions) {
    this.#options = options;
  }

  get stage(): StartupStage {
    return this.#stage;
  }

  /**
   * @param callback runs when the replica serves.
   * @throws FatalError (status 1, or 4 if the file is larger than the storage limit), also later from completions, with a
   * line for the operator. Nothing is written then, except that a damaged op may be found only while it is replayed, and a
   * damaged block of the checkpoint only once the view is being written.
   */
  open(callback: () => void): void {
    assert(this.#callback === null, "a replica is opened once");
    this.#callback = callback;
    this.#enter("superblock");
    this.#options.superblock.open(() => this.#onSuperBlock());
  }

  /** To be called whenever there is nothing more to execute. */
  onCommitIdle(): void {
    if (this.#stage === "replay") this.#onReplayed();
  }

  /** To be called after each op that was executed. */
  onExecuted(): void {
    if (this.#stage === "replay") this.#logProgress();
  }

  /** To be called when the view is durable. */
  onViewDurable(): void {
    this.#serveIfReady();
  }

  #onSuperBlock(): void {
    const { options, identity, superblock, journal, window, view, logger, onIdentity } = this.#options;
    identity.load(superblock, options.addressCount);
    this.#checkSuperBlock();
    view.load();
    onIdentity();
    const { working } = superblock;
    logger.log("info", "starting", {
      cluster: identity.cluster,
      replicaCount: identity.replicaCount,
      release: formatRelease(options.release),
      releaseClientMin: formatRelease(options.releaseClientMin),
      requestSizeLimit: options.requestSizeLimit,
      aofRecovery: options.aofRecovery,
    });
    this.#enter("journal");
    journal.recover(
      {
        cluster: identity.cluster,
        opCheckpoint: window.opCheckpoint,
        opPrepareMax: window.opPrepareMax,
        view: working.vsrState.view,
        logView: working.vsrState.logView,
        viewHeaders: working.viewHeaders(),
        solo: true,
      },
      (result) => this.#onJournal(result),
    );
  }

  /** What can be wrong with starting this file with these options (spec 03 §8.1). */
  #checkSuperBlock(): void {
    const { options, identity, superblock, stateMachine, window } = this.#options;
    const { addressCount, cluster, release } = options;
    const { replica, replicaCount } = identity;
    if (cluster !== null && cluster !== identity.cluster) {
      refuse(`the data file belongs to cluster ${identity.cluster}, not to cluster ${cluster}`);
    }
    if (replica >= addressCount || replicaCount > addressCount) {
      refuse(
        `all addresses must be provided: the cluster has ${replicaCount} replicas, this is number ${replica}, there are ${addressCount} addresses`,
      );
    }
    if (replicaCount > 1 || replica > 0) {
      refuse(
        `the data file is that of replica ${replica} of ${replicaCount}: this release runs single-replica clusters`,
      );
    }
    if (addressCount > replicaCount) {
      refuse(`${addressCount} addresses for one replica: this release runs single-replica clusters without standbys`);
    }
    const fileRelease = superblock.working.checkpoint.release;
    if (fileRelease !== release) {
      refuse(
        `the data file is at release ${formatRelease(fileRelease)}, this is release ${formatRelease(release)}: start it with the former`,
      );
    }
    if (release >>> 16 === RELEASE_MAJOR_TEST && identity.cluster !== 0n) {
      refuse(`a test release runs cluster 0 only, not cluster ${identity.cluster}`);
    }
    if (!stateMachine.checkpoints && window.opCheckpoint > 0) {
      refuse(
        `the data file has a checkpoint (op ${window.opCheckpoint}), but this release keeps its state in memory and cannot read it: ` +
          "start it with a release that writes checkpoints",
      );
    }
  }

  #onJournal(result: JournalRecoveryResult): void {
    this.#checkJournal(result);
    const { config, superblock, journal, window, log, logger } = this.#options;
    const { working } = superblock;
    const head = chooseHead(journal, {
      opCheckpoint: window.opCheckpoint,
      checkpointHeader: working.checkpointHeader,
      opPrepareMax: window.opPrepareMax,
      view: working.vsrState.view,
      logView: working.vsrState.logView,
      viewHeaders: working.viewHeaders(),
      commitMax: working.vsrState.commitMax,
      pipelinePrepareQueueMax: config.cluster.pipelinePrepareQueueMax,
    });
    this.#checkHead(head);
    log.recover(head);
    logger.log("info", "log recovered", {
      op: log.op,
      commitMin: log.commitMin,
      commitMax: log.commitMax,
      opCheckpoint: window.opCheckpoint,
    });
    this.#advanceView();
    this.#openCheckpoint();
  }

  #checkJournal(result: JournalRecoveryResult): void {
    switch (result.outcome) {
      case "recovered":
        return;
      case "WALInvalid":
        return refuse(
          "the write-ahead log is damaged as a whole (WALInvalid): restore the data file from a copy, or replay an AOF",
        );
      case "WALCorrupt":
        return refuse(
          `the write-ahead log is damaged (WALCorrupt): ${result.faultyCount} slots from slot ${result.slot} on. A single replica has no one to ` +
            "repair it from. Restore the data file from a copy, or replay an AOF",
        );
      case "WALAhead":
        return refuse(
          `the write-ahead log is newer than the superblock (WALAhead, slot ${result.slot}): the file was put together from parts, or its ` +
            "superblock was lost. Restore the data file from a copy, or replay an AOF",
        );
    }
  }

  /** A single replica goes on only from a log that is whole. */
  #checkHead({ op }: Head): void {
    const { journal, superblock, window, room, stateMachine } = this.#options;
    if (journal.dirtyCount > 0) {
      refuse(
        `the write-ahead log is damaged (WALCorrupt): op ${op}, which the superblock knows of, is not there. Restore the data file from a copy, or replay an AOF`,
      );
    }
    const start = chainBreak(journal, op, superblock.working.checkpointHeader);
    if (start !== null) {
      refuse(
        `the write-ahead log is damaged (WALCorrupt): op ${start - 1} is not there, or op ${start} does not follow from it. Restore the data file from a copy, or replay an AOF`,
      );
    }
    if (room.allows(op)) return;
    assert(!stateMachine.checkpoints, "there is always room in a log that is checkpointed");
    refuse(
      `the log ends at op ${op}, but op ${window.opCheckpointNextTrigger} needs a checkpoint, which this release cannot write: ` +
        "start the file with a release that writes checkpoints",
    );
  }

  /**
   * Every start has a view of its own: a torn op that was cut off may be followed by another one of the same number, and
   * no two prepares may share op and view.
   */
  #advanceView(): void {
    const { config, journal, log, window, view } = this.#options;
    const headers = viewHeadersOfLog(config, journal, { opMax: log.op, opPrepareMax: window.opPrepareMax });
    const invalid = viewHeadersInvalid(config, "view", headers);
    if (invalid !== null) {
      // The log is whole and chained, so only its timestamps can be wrong: clients chose them.
      refuse(
        `the log of an AOF recovery cannot be opened again, because its requests went back in time (${invalid}): ` +
          "repeat the recovery into a new data file",
      );
    }
    view.advance(view.view + 1, view.logView + 1, headers);
  }

  #openCheckpoint(): void {
    const { checkpointReader } = this.#options;
    this.#enter("checkpoint");
    if (checkpointReader === null) this.#openStateMachine();
    else checkpointReader.open(() => this.#openStateMachine());
  }

  #openStateMachine(): void {
    const { stateMachine, superblock, commit, log, time, logger } = this.#options;
    this.#enter("state_machine");
    stateMachine.open(() => {
      this.#enter("replay");
      stateMachine.commitTimestamp = superblock.working.checkpointHeader.timestamp;
      commit.opened();
      // Alone, a replica is its own quorum: all that is in its log is committed.
      log.learnCommitMax(log.op);
      this.#progressAt = time.monotonic();
      if (log.commitMin === log.op) return this.#onReplayed();
      logger.log("info", "replaying the log", { from: log.commitMin + 1, to: log.op });
      commit.run();
    });
  }

  #logProgress(): void {
    const { log, time, logger } = this.#options;
    const now = time.monotonic();
    if (now - this.#progressAt < PROGRESS_NS) return;
    this.#progressAt = now;
    logger.log("info", "replaying the log", { op: log.commitMin, to: log.op });
  }

  #onReplayed(): void {
    const { log, onReplayed, logger } = this.#options;
    assert(log.commitMin === log.op, () => `the loop rests at op ${log.commitMin} of ${log.op}`);
    this.#enter("view");
    logger.log("info", "log replayed", { op: log.op });
    onReplayed();
    this.#serveIfReady();
  }

  #serveIfReady(): void {
    const { view, logger, log } = this.#options;
    if (this.#stage !== "view" || view.updating) return;
    assert(view.durable, () => `view ${view.view} is not durable`);
    this.#enter("serving");
    logger.log("info", "serving", { view: view.view, op: log.op });
    const callback = this.#callback;
    assert(callback !== null, "someone waits for the start");
    callback();
  }

  /** Goes on to the next stage. There is no way back. */
  #enter(stage: StartupStage): void {
    assert(STAGES.indexOf(stage) === STAGES.indexOf(this.#stage) + 1, () => `${stage} after ${this.#stage}`);
    this.#stage = stage;
  }
}

function refuse(message: string): never {
  fatal(FatalReason.cli, message);
}
