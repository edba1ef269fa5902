/**
 * From a data file to a replica that takes part (spec 03 §8, §27, spec 04 §23).
 *
 * ```text
 *   closed ─▶ superblock ─▶ journal ─▶ state ─▶ serving          among others: in a status of the protocol from `state` on
 *                                        └───▶ replay ─▶ view ─▶ serving          alone: recovering until all is executed
 * ```
 *
 * Among others a replica takes part as soon as it knows its log, and opens its state meanwhile. Alone, it has a new view to
 * write and all of its log to execute first. Everything that an operator can be wrong about is found before anything is
 * written.
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
import { formatRelease, RELEASE_MAJOR_TEST, type Release } from "../release.ts";
import { viewHeadersInvalid } from "../view-headers.ts";
import type { SuperBlock } from "../superblock/superblock.ts";
import type { CheckpointWindow } from "./checkpoint-window.ts";
import type { Commit } from "./commit.ts";
import { chainBreak, viewHeadersOfLog } from "./hash-chain.ts";
import { chooseHead, type Head, headCertain } from "./head.ts";
import type { Identity } from "./identity.ts";
import type { LogPosition } from "./log-position.ts";
import type { LogRoom } from "./log-room.ts";
import type { ReplicaOptions } from "./options.ts";
import type { StateOpening } from "./state-opening.ts";
import type { Transitions } from "./view-change/transitions.ts";
import type { DurableView } from "./view-durable.ts";

/** How far the start has come. */
export type StartupStage = "closed" | "superblock" | "journal" | "state" | "replay" | "view" | "serving";

/** What follows what. */
const SUCCESSORS: { readonly [From in StartupStage]: readonly StartupStage[] } = {
  closed: ["superblock"],
  superblock: ["journal"],
  journal: ["state"],
  state: ["replay", "serving"],
  replay: ["view"],
  view: ["serving"],
  serving: [],
};

/** How often the operator hears of a long replay. */
const PROGRESS_NS = 1_000_000_000n;

/** What is started. */
export interface StartupOptions {
  readonly config: Config;
  readonly options: ReplicaOptions;
  readonly identity: Identity;
  readonly superblock: SuperBlock;
  readonly journal: Journal;
  readonly stateMachine: Pick<StateMachine, "checkpoints">;
  readonly stateOpening: StateOpening;
  readonly log: LogPosition;
  readonly window: CheckpointWindow;
  readonly room: LogRoom;
  readonly view: DurableView;
  readonly commit: Pick<Commit, "run">;
  readonly transitions: Pick<
    Transitions,
    "recoveringToNormal" | "recoveringToViewChange" | "recoveringToRecoveringHead"
  >;
  readonly time: Time;
  readonly logger: Logger;
  /** Runs when the superblock is open and fits the options. */
  readonly onIdentity: () => void;
  /** Runs when the file is at another release than the running one: that one has to go on. Nothing else is done. */
  readonly onRelease: (release: Release) => void;
  /** Runs when the state is open: what a state sync left undone goes on. */
  readonly onStateOpen: () => void;
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

  /** Whether the own log is known: before that nothing can be answered. */
  get logRecovered(): boolean {
    return this.#stage !== "closed" && this.#stage !== "superblock" && this.#stage !== "journal";
  }

  /** How far the start has come. */
  get stage(): StartupStage {
    return this.#stage;
  }

  /**
   * @param callback runs when the replica can be reached: alone, when it serves; else, when it takes part.
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
    this.#serveIfDurable();
  }

  #onSuperBlock(): void {
    const { options, identity, superblock, view, logger, onIdentity, onRelease } = this.#options;
    identity.load(superblock, options.addressCount);
    this.#checkSuperBlock();
    const fileRelease = superblock.working.checkpoint.release;
    if (fileRelease !== options.release) return onRelease(fileRelease);
    view.load();
    onIdentity();
    logger.log("info", "starting", {
      cluster: identity.cluster,
      replicaCount: identity.replicaCount,
      release: formatRelease(options.release),
      releaseClientMin: formatRelease(options.releaseClientMin),
      requestSizeLimit: options.requestSizeLimit,
      aofRecovery: options.aofRecovery,
    });
    this.#recoverJournal();
  }

  #recoverJournal(): void {
    const { identity, superblock, journal, window } = this.#options;
    const { working } = superblock;
    this.#enter("journal");
    journal.recover(
      {
        cluster: identity.cluster,
        opCheckpoint: window.opCheckpoint,
        opPrepareMax: window.opPrepareMax,
        view: working.vsrState.view,
        logView: working.vsrState.logView,
        viewHeaders: working.viewHeaders(),
        solo: identity.solo,
      },
      (result) => this.#onJournal(result),
    );
  }

  /** What can be wrong with starting this file with these options (spec 03 §8.1). */
  #checkSuperBlock(): void {
    const { options, identity, stateMachine, window } = this.#options;
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
    const { config, identity, superblock, journal, window, log, logger } = this.#options;
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
    if (identity.solo) this.#checkWholeLog(head);
    log.recover(head);
    logger.log("info", "log recovered", {
      op: log.op,
      commitMin: log.commitMin,
      commitMax: log.commitMax,
      opCheckpoint: window.opCheckpoint,
    });
    if (identity.solo) this.#advanceView();
    else this.#join();
    this.#openState();
  }

  /** Takes part from here on, in the status that follows from what the log and the superblock tell. */
  #join(): void {
    const { identity, journal, log, window, view, transitions } = this.#options;
    if (view.logView < view.view) {
      // The head is certain: it was promised.
      transitions.recoveringToViewChange(view.view);
    } else if (!headCertain(journal, log.op, window.opPrepareMax)) {
      transitions.recoveringToRecoveringHead();
    } else if (identity.primaryOf(view.view)) {
      // What others have of what it prepared, it cannot know, and it must not prepare other ops in the same view.
      transitions.recoveringToViewChange(view.view + 1);
    } else {
      transitions.recoveringToNormal();
    }
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
  #checkWholeLog({ op }: Head): void {
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

  #openState(): void {
    const { identity, stateOpening } = this.#options;
    this.#enter("state");
    stateOpening.open(() => this.#onState());
    if (!identity.solo) this.#serve();
  }

  #onState(): void {
    const { identity, log, time, logger, commit, onStateOpen } = this.#options;
    onStateOpen();
    if (!identity.solo) return commit.run();
    this.#enter("replay");
    // Alone, a replica is its own quorum: all that is in its log is committed.
    log.learnCommitMax(log.op);
    this.#progressAt = time.monotonic();
    if (log.commitMin === log.op) return this.#onReplayed();
    logger.log("info", "replaying the log", { from: log.commitMin + 1, to: log.op });
    commit.run();
  }

  #logProgress(): void {
    const { log, time, logger } = this.#options;
    const now = time.monotonic();
    if (now - this.#progressAt < PROGRESS_NS) return;
    this.#progressAt = now;
    logger.log("info", "replaying the log", { op: log.commitMin, to: log.op });
  }

  #onReplayed(): void {
    const { log, transitions, logger } = this.#options;
    assert(log.commitMin === log.op, () => `the loop rests at op ${log.commitMin} of ${log.op}`);
    this.#enter("view");
    logger.log("info", "log replayed", { op: log.op });
    transitions.recoveringToNormal();
    this.#serveIfDurable();
  }

  #serveIfDurable(): void {
    const { view } = this.#options;
    if (this.#stage !== "view" || view.updating) return;
    assert(view.durable, () => `view ${view.view} is not durable`);
    this.#serve();
  }

  #serve(): void {
    const { view, logger, log } = this.#options;
    this.#enter("serving");
    logger.log("info", "serving", { view: view.view, op: log.op });
    const callback = this.#callback;
    assert(callback !== null, "someone waits for the start");
    callback();
  }

  /** Goes on to the next stage. There is no way back. */
  #enter(stage: StartupStage): void {
    assert(SUCCESSORS[this.#stage].includes(stage), () => `${stage} after ${this.#stage}`);
    this.#stage = stage;
  }
}

function refuse(message: string): never {
  fatal(FatalReason.cli, message);
}
