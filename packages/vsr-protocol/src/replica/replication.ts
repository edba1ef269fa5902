/**
 * Replication: every prepare goes from the primary to all others, and into the log of each (spec 03 §14).
 *
 * The topology is a star. A prepare is committed when enough replicas have it on disk; the primary is one of them like
 * any other.
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import { durable } from "../checkpoint.ts";
import type { Config } from "../config/config.ts";
import type { Message } from "../message/message.ts";
import { PrepareHeader } from "../message/prepare.ts";
import { Operation } from "../operation.ts";
import type { Journal } from "../ports/journal.ts";
import type { Logger } from "../ports/logger.ts";
import type { Time } from "../ports/time.ts";
import type { Release } from "../release.ts";
import type { Timeout } from "../timeout.ts";
import type { CheckpointWindow } from "./checkpoint-window.ts";
import { inputValid, operationKnown, type StateMachineOperations } from "./executable.ts";
import type { FaultDetector } from "./fault-detector.ts";
import type { Identity } from "./identity.ts";
import type { LogPosition } from "./log-position.ts";
import type { Outbox } from "./outbox.ts";
import type { Pipeline } from "./pipeline.ts";
import type { Roles } from "./roles.ts";
import type { Status } from "./status.ts";
import type { DurableView } from "./view-durable.ts";

/** What prepares are replicated with. */
export interface ReplicationOptions {
  readonly config: Config;
  readonly release: Release;
  /** The largest prepare, header included, in bytes. */
  readonly requestSizeLimit: number;
  readonly identity: Pick<Identity, "replica" | "replicaCount" | "solo" | "primaryIndex">;
  readonly status: Pick<Status, "current" | "normal">;
  readonly roles: Pick<Roles, "primary" | "backup" | "ofPrimary">;
  readonly view: Pick<DurableView, "view" | "hasOther">;
  readonly log: LogPosition;
  readonly window: CheckpointWindow;
  readonly pipeline: Pipeline;
  readonly journal: Pick<
    Journal,
    | "hasHeader"
    | "hasPrepare"
    | "headerWithOp"
    | "setHeaderAsDirty"
    | "writeAvailable"
    | "writePrepare"
    | "writesPending"
    | "writing"
  >;
  readonly stateMachine: StateMachineOperations;
  readonly outbox: Pick<Outbox, "sendToReplica" | "sendToOtherReplicasAndStandbys">;
  readonly faultDetector: FaultDetector;
  readonly time: Time;
  readonly logger: Logger;
  /** Whether a state sync is at the point where it replaces the checkpoint. */
  readonly updatingCheckpoint: () => boolean;
  readonly joinViewQuorum: () => boolean;
  /** Takes a prepare of an older view, or below the head: it may fill a gap. */
  readonly onRepair: (prepare: Message) => void;
  /** Runs after a backup was given a prepare of its view: there may be something to execute and to repair. */
  readonly onFollowed: () => void;
  /** Runs whenever the journal can take a write again. */
  readonly onJournalWritten: () => void;
  /** Runs when a prepare is on disk. */
  readonly onPrepareWritten: (prepare: PrepareHeader) => void;
}

/** Sends prepares, takes them, and writes them. */
export class Replication {
  readonly #options: ReplicationOptions;

  constructor(options: ReplicationOptions) {
    this.#options = options;
  }

  /**
   * Takes a prepare: from the primary, of a replica that repairs, or, as the primary, its own new one. The reference stays
   * the caller's.
   */
  onPrepare(message: Message): void {
    const { status, view, log, roles, updatingCheckpoint, onRepair } = this.#options;
    const header = message.as(PrepareHeader);
    if (header.operation === Operation.reserved) return this.#drop(header, "of an unused slot");
    const unexecutable = this.#unexecutable(message, header);
    if (unexecutable !== null) return this.#refuse(header, unexecutable);
    this.#replicate(message, header);
    if (updatingCheckpoint()) return this.#drop(header, "a checkpoint is being installed");
    const old = header.view < view.view || (status.normal && header.view === view.view && header.op <= log.op);
    if (old) return onRepair(message);
    if (!status.normal) return this.#drop(header, `in status ${status.current}`);
    if (header.view > view.view) return this.#drop(header, "of a newer view");
    this.#append(message, header);
    if (roles.backup) this.#options.onFollowed();
  }

  /**
   * Writes a prepare whose header is in the log. Once it is on disk it is acknowledged.
   *
   * @returns false if the log has another one in its place by now, or its slot is being written already.
   */
  writePrepare(message: Message): boolean {
    const { status, roles, log, window, journal, joinViewQuorum } = this.#options;
    const header = message.as(PrepareHeader);
    const repairing = status.current === "view_change" && roles.ofPrimary && joinViewQuorum();
    assert(status.normal || repairing, () => `op ${header.op} is written in status ${status.current}`);
    assert(header.op <= log.op, () => `op ${header.op} is written beyond head ${log.op}`);
    const opRepairMin = window.opRepairMin(log.op, log.commitMax);
    assert(header.op >= opRepairMin, () => `op ${header.op} is written below ${opRepairMin}`);
    if (!journal.hasHeader(header) || journal.writing(header) !== "none") return false;
    journal.writePrepare(message, (written) => this.#onWritten(written));
    return true;
  }

  /** To be called when the head of the queue has changed: a replica that is alone writes its prepares one by one. */
  writeNext(): void {
    const { identity, pipeline, journal } = this.#options;
    if (!identity.solo) return;
    const next = pipeline.head;
    if (next === null || next.okQuorumReceived || journal.writesPending > 0) return;
    assert(journal.writeAvailable(), "a replica that writes one prepare at a time can write");
    const writing = this.writePrepare(next.message);
    assert(writing, () => `op ${next.op} is not in the log`);
  }

  /** The oldest prepare without a quorum waits for long: it is sent again to those who have not acknowledged it. */
  onTimeout(timeout: Timeout): void {
    const { identity, pipeline, outbox, onRepair } = this.#options;
    const prepare = pipeline.firstWithoutQuorum;
    assert(prepare !== null, "the prepare timeout runs while a prepare has no quorum");
    // Alone, only the disk can be slow.
    if (identity.solo) return timeout.reset();
    const missing = this.#others().filter((replica) => !prepare.okFrom(replica));
    if (missing.length === 0) {
      // All others have it, so the own write is what is missing.
      timeout.reset();
      onRepair(prepare.message);
      return;
    }
    timeout.backoff();
    for (const replica of missing) outbox.sendToReplica(replica, prepare.message);
  }

  /** The other replicas, from the one after this on, around the ring. */
  #others(): readonly number[] {
    const { replica, replicaCount } = this.#options.identity;
    return Array.from({ length: replicaCount - 1 }, (_, index) => (replica + 1 + index) % replicaCount);
  }

  /**
   * Why nobody could execute the prepare, or null: no correct primary made it, and in the log it would end every replica. What
   * this process is too old for, or was given too low a limit for, it cannot judge.
   */
  #unexecutable(message: Message, header: PrepareHeader): string | null {
    const { requestSizeLimit, stateMachine } = this.#options;
    const { operation, size } = header;
    if (this.#ofNewerRelease(header)) return null;
    if (!operationKnown(operation, stateMachine)) return `there is no operation ${operation}`;
    if (size > requestSizeLimit || inputValid(operation, message.body(), stateMachine)) return null;
    return `of a body that operation ${operation} does not take`;
  }

  /**
   * Whether a release that this replica does not run yet may be the one to execute the prepare: what comes after a checkpoint at
   * which the cluster upgrades. The log says of the next checkpoint whether it can be one.
   */
  #ofNewerRelease({ op, release }: PrepareHeader): boolean {
    const { release: releaseOwn, window, journal } = this.#options;
    const { opCheckpointNextTrigger, opPrepareMax } = window;
    if (release <= releaseOwn || op <= opCheckpointNextTrigger) return false;
    const last = op <= opPrepareMax ? journal.headerWithOp(opCheckpointNextTrigger) : null;
    return last === null || last.operation === Operation.upgrade;
  }

  /** As the primary, passes on what the others may miss. For everyone, a prepare beyond the head is a sign of life. */
  #replicate(message: Message, header: PrepareHeader): void {
    const { roles, log, journal, outbox, faultDetector, time } = this.#options;
    if (header.op <= log.commitMin || journal.hasPrepare(header)) return;
    if (roles.primary && this.#authoredBeforeReformat(header))
      this.#drop(header, "not replicated: authored before this replica was formatted anew");
    else if (roles.primary) outbox.sendToOtherReplicasAndStandbys(message);
    if (header.op > log.op) faultDetector.signal(time.monotonic());
  }

  /** A replica that was formatted anew can meet what it authored before: in a view, or under a release, that it has not reached. */
  #authoredBeforeReformat({ replica, release, view }: PrepareHeader): boolean {
    const { identity, release: releaseOwn, view: viewOwn } = this.#options;
    return replica === identity.replica && (release > releaseOwn || view > viewOwn.view);
  }

  /** A prepare of the own view, beyond the head, becomes the head. */
  #append(message: Message, header: PrepareHeader): void {
    const { identity, roles, log, pipeline, journal } = this.#options;
    const contradiction = this.#contradiction(header);
    if (contradiction !== null) return this.#refuse(header, contradiction);
    const foreign = roles.primary && pipeline.findQueued(header.op, header.checksum) === null;
    if (foreign) return this.#drop(header, "not made by this primary");
    assert(header.op > log.op && header.op > log.commitMin, () => `op ${header.op} behind head ${log.op}`);
    if (roles.backup) {
      log.learnCommitMax(header.commit);
      this.#cache(message, header);
    }
    if (!this.#fits(header)) return;
    log.advanceHead(header.op);
    journal.setHeaderAsDirty(header);
    if (identity.solo) this.writeNext();
    else this.writePrepare(message);
  }

  /**
   * Why the prepare cannot follow what is here, or null: its primary, or this replica, is not correct, or went another way.
   * The reference stops here (spec 03 §32); not to take it is as safe, and a peer that is wrong stops nobody.
   */
  #contradiction(header: PrepareHeader): string | null {
    const { op, commit, replica, size, parent, checkpointId, timestamp } = header;
    const { config, requestSizeLimit, identity, roles, view, log, window, journal } = this.#options;
    if (replica !== identity.primaryIndex(view.view)) return `of replica ${replica}, which is not the primary`;
    if (size > requestSizeLimit) return `of ${size} bytes, more than this replica's --limit-request`;
    if (op - commit > config.cluster.pipelinePrepareQueueMax) return `far beyond commit ${commit}`;
    const checkpointIdHere = op <= window.opPrepareMax ? window.checkpointIdForOp(op) : null;
    if (checkpointIdHere !== null && checkpointId !== checkpointIdHere) {
      return "of another checkpoint: the state of this replica has diverged from that of the primary";
    }
    const head = journal.headerWithOp(log.op);
    if (roles.backup && head !== null && timestamp <= head.timestamp) return `of a time before that of op ${log.op}`;
    if (view.hasOther(header)) return `not op ${op} of the log that the view began with`;
    // The head is of the view's log, whatever view it was prepared in. What is above it may be left over from another one.
    const previous = journal.headerWithOp(op - 1);
    const ofView = previous !== null && (op - 1 === log.op || previous.view === view.view);
    return ofView && previous.checksum !== parent ? `not the successor of op ${op - 1} of the view` : null;
  }

  /**
   * Keeps the prepares that are executed next in memory. Behind by a whole checkpoint, those beyond the log's end are kept:
   * the ones before can be had from other logs.
   */
  #cache(message: Message, { op }: PrepareHeader): void {
    const { log, window, pipeline } = this.#options;
    const first = op <= window.opPrepareMax ? log.commitMin + 1 : window.opPrepareMax + 1;
    if (op < first + pipeline.cacheCapacity) pipeline.cache(message);
  }

  /** Whether the op can take its slot. */
  #fits(header: PrepareHeader): boolean {
    const { config, roles, log, window } = this.#options;
    const { op } = header;
    const { opPrepareMax, opCheckpointNext } = window;
    if (op <= opPrepareMax) return true;
    assert(roles.backup, () => `op ${op} would overwrite what is still needed (${opPrepareMax})`);
    // What it overwrites must be executed here; what the next checkpoint and the release after it depend on must stay.
    const { journalSlotCount } = config.cluster;
    const opMax = Math.min(log.commitMin + journalSlotCount, opCheckpointNext + journalSlotCount - 1);
    if (op <= opMax && durable(config, opCheckpointNext, log.commitMax)) return true;
    this.#drop(header, "too far ahead");
    return false;
  }

  #onWritten(written: Message | null): void {
    this.#options.onJournalWritten();
    if (written !== null) this.#options.onPrepareWritten(written.as(PrepareHeader));
  }

  #refuse({ op, view, replica }: PrepareHeader, because: string): void {
    this.#options.logger.log("error", `on_prepare: dropped: ${because}`, { op, view, replica });
  }

  #drop(header: PrepareHeader, because: string): void {
    const { logger } = this.#options;
    if (!logger.enabled("debug")) return;
    logger.log("debug", `on_prepare: dropped: ${because}`, { op: header.op, view: header.view });
  }
}
