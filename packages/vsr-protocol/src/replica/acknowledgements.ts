/**
 * Acknowledgements: a replica tells the primary that it has a prepare on disk, and the primary counts (spec 03 §14.4 to §14.7).
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import type { Config } from "../config/config.ts";
import type { Checksums } from "../message/checksums.ts";
import type { Message } from "../message/message.ts";
import type { MessagePool } from "../message/pool.ts";
import { initPrepareOk, PrepareOkHeader } from "../message/prepare-ok.ts";
import { PrepareHeader } from "../message/prepare.ts";
import type { Journal } from "../ports/journal.ts";
import type { Logger } from "../ports/logger.ts";
import type { BackupProgress } from "./backup-progress.ts";
import type { CheckpointWindow } from "./checkpoint-window.ts";
import type { Identity } from "./identity.ts";
import type { LogPosition } from "./log-position.ts";
import type { Outbox } from "./outbox.ts";
import type { Pipeline, QueuedPrepare } from "./pipeline.ts";
import type { Roles } from "./roles.ts";
import type { Status } from "./status.ts";
import type { Timeouts } from "./timeouts.ts";
import type { DurableView } from "./view-durable.ts";

/** What prepares are acknowledged with. */
export interface AcknowledgementsOptions {
  readonly config: Config;
  readonly identity: Pick<Identity, "replica" | "replicaCount" | "standby" | "primaryIndex">;
  readonly status: Pick<Status, "normal">;
  readonly roles: Pick<Roles, "primary">;
  readonly view: Pick<DurableView, "view">;
  readonly log: LogPosition;
  readonly window: CheckpointWindow;
  readonly pipeline: Pipeline;
  readonly journal: Pick<Journal, "headerWithOp" | "hasPrepare">;
  readonly outbox: Pick<Outbox, "sendToReplica" | "flushLoopback">;
  readonly timeouts: Timeouts;
  readonly progress: BackupProgress;
  readonly pool: Pick<MessagePool, "acquire">;
  readonly checksums: Checksums;
  readonly logger: Logger;
  /** How many replicas must have a prepare on disk. */
  readonly quorumReplication: () => number;
  /** Whether a state sync is under way, in any of its stages. */
  readonly syncing: () => boolean;
  /** Whether every block of the checkpoint is here (spec 03 §17.3). */
  readonly gridComplete: () => boolean;
  /** Runs when someone else acknowledges what was not acknowledged yet: the primary can hear. */
  readonly onHeard: () => void;
  /** Runs when a prepare has its quorum: it may be executed. */
  readonly onQuorum: () => void;
}

/** Sends acknowledgements, and counts them. */
export class Acknowledgements {
  readonly #options: AcknowledgementsOptions;

  constructor(options: AcknowledgementsOptions) {
    this.#options = options;
  }

  /** The highest op that this replica may acknowledge: more would claim a checkpoint that it does not have. */
  get opMax(): number {
    const { window, log, gridComplete } = this.#options;
    return window.opPrepareOkMax(gridComplete(), log.commitMax);
  }

  /**
   * Acknowledges a prepare to the primary of the current view, if it is durable here and this replica may. Whoever joined
   * a newer view acknowledges nothing to the old primary any more.
   */
  sendPrepareOk(header: PrepareHeader): void {
    const { identity, status, view, log, window, journal, outbox, syncing } = this.#options;
    if (!status.normal || header.op > log.op || syncing()) return;
    if (header.op > this.opMax) return this.#withheld(header.op);
    if (!journal.hasPrepare(header) || identity.standby) return;
    const checkpointId = window.checkpointIdForOp(header.op);
    if (checkpointId === null) return;
    if (checkpointId !== header.checkpointId) return this.#diverged(header.op);
    const message = this.#message(header, checkpointId);
    outbox.sendToReplica(identity.primaryIndex(view.view), message);
    message.release();
  }

  /** Acknowledges a prepare, and lets the primary hear it at once if that is this replica. */
  acknowledge(header: PrepareHeader): void {
    this.sendPrepareOk(header);
    this.#options.outbox.flushLoopback();
  }

  /** Acknowledges once more all that is not committed: acknowledgements of another view do not count. */
  sendPrepareOksAfterCommitMax(): void {
    this.#sendFrom(this.#options.log.commitMax + 1);
  }

  /** Acknowledges what was withheld until there was a checkpoint, or until all its blocks were here. */
  sendPrepareOksAfterCheckpoint(): void {
    const { config, log, window } = this.#options;
    const withheld = window.opCheckpointTrigger + config.cluster.pipelinePrepareQueueMax + 1;
    this.#sendFrom(Math.max(log.commitMax + 1, withheld));
  }

  /** As the primary, takes the acknowledgement of a replica. The reference stays the caller's. */
  onPrepareOk(message: Message): void {
    const { roles, view, pipeline, identity } = this.#options;
    const ok = message.as(PrepareOkHeader);
    if (!roles.primary || ok.view !== view.view) return this.#drop(ok, "not for this primary");
    if (ok.replica >= identity.replicaCount) return this.#drop(ok, "of a standby");
    if (!this.#plausible(ok)) return this.#drop(ok, "an impossible commit_min");
    this.#options.progress.acknowledged(ok.replica, ok.op, ok.commitMin);
    const prepare = pipeline.findQueued(ok.op, ok.prepareChecksum);
    if (prepare === null) return this.#drop(ok, "not in the pipeline");
    if (!echoes(ok, prepare.message.as(PrepareHeader))) return this.#drop(ok, "not what was prepared");
    if (prepare.okFrom(ok.replica)) return;
    this.#count(ok, prepare);
  }

  #count(ok: PrepareOkHeader, prepare: QueuedPrepare): void {
    const { timeouts, progress, quorumReplication, onHeard, onQuorum } = this.#options;
    onHeard();
    if (!prepare.okQuorumReceived) timeouts.get("primaryAbdicate").reset();
    prepare.acknowledge(ok.replica);
    if (prepare.okCount !== quorumReplication()) return;
    progress.completed(ok.replica, ok.commitMin);
    prepare.okQuorumReceived = true;
    this.#updateTimeouts(prepare);
    onQuorum();
  }

  /** The timeouts are those of the oldest prepare without a quorum. */
  #updateTimeouts(prepare: QueuedPrepare): void {
    const { pipeline, timeouts } = this.#options;
    const waiting = pipeline.firstWithoutQuorum;
    if (waiting === null) timeouts.stop("prepare", "primaryAbdicate");
    else if (prepare.op < waiting.op) timeouts.get("prepare").reset();
  }

  /** What a replica executed is committed, and its log is not shorter than the ring. */
  #plausible({ op, commitMin }: PrepareOkHeader): boolean {
    const { config, log } = this.#options;
    const { journalSlotCount, pipelinePrepareQueueMax } = config.cluster;
    return op - journalSlotCount <= commitMin && commitMin <= log.commitMin + pipelinePrepareQueueMax;
  }

  /** Gaps and headers of older views in between do no harm: the primary compares checksums. */
  #sendFrom(op: number): void {
    const { log, journal } = this.#options;
    for (let next = op; next <= log.op; next += 1) {
      const header = journal.headerWithOp(next);
      if (header !== null) this.acknowledge(header);
    }
  }

  #message(header: PrepareHeader, checkpointId: bigint): Message {
    const { identity, view, log, pool, checksums } = this.#options;
    const message = pool.acquire();
    initPrepareOk(
      message.as(PrepareOkHeader),
      header,
      { view: view.view, replica: identity.replica, checkpointId, commitMin: log.commitMin },
      checksums,
    );
    return message;
  }

  /** The prepare came before this replica had the checkpoint by which it can be judged. */
  #diverged(op: number): void {
    const because = "it is of another checkpoint: the state of this replica has diverged from that of the primary";
    this.#options.logger.log("error", `send_prepare_ok: not sent: ${because}`, { op });
  }

  #withheld(op: number): void {
    const { logger } = this.#options;
    if (!logger.enabled("debug")) return;
    logger.log("debug", "send_prepare_ok: withheld until the next checkpoint", { op, opMax: this.opMax });
  }

  #drop(ok: PrepareOkHeader, because: string): void {
    const { logger } = this.#options;
    if (!logger.enabled("debug")) return;
    logger.log("debug", `on_prepare_ok: dropped: ${because}`, { op: ok.op, view: ok.view, replica: ok.replica });
  }
}

/** Whether the acknowledgement repeats what the prepare says. Its checksum does; the rest can only differ by a bug. */
function echoes(ok: PrepareOkHeader, prepare: PrepareHeader): boolean {
  assert(ok.prepareChecksum === prepare.checksum, "the prepare was found by its checksum");
  return (
    ok.parent === prepare.parent &&
    ok.client === prepare.client &&
    ok.request === prepare.request &&
    ok.operation === prepare.operation &&
    ok.timestamp === prepare.timestamp &&
    ok.checkpointId === prepare.checkpointId
  );
}
