/**
 * Heartbeats: the primary says that it lives and what is committed, and the others notice when it does not (spec 03 §7.3,
 * §15).
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import { Command } from "../command.ts";
import { CommitHeader } from "../message/commit.ts";
import type { Message } from "../message/message.ts";
import type { PrepareHeader } from "../message/prepare.ts";
import type { Journal } from "../ports/journal.ts";
import type { Logger } from "../ports/logger.ts";
import type { Time } from "../ports/time.ts";
import type { SuperBlockImage } from "../superblock/image.ts";
import type { SuperBlock } from "../superblock/superblock.ts";
import type { Timeout } from "../timeout.ts";
import type { CheckpointWindow } from "./checkpoint-window.ts";
import type { FaultDetector } from "./fault-detector.ts";
import { chainStart } from "./hash-chain.ts";
import type { Identity } from "./identity.ts";
import type { LogPosition } from "./log-position.ts";
import type { MessageBuilder } from "./message-builder.ts";
import type { Outbox } from "./outbox.ts";
import type { Roles } from "./roles.ts";
import type { Status } from "./status.ts";
import type { Timeouts } from "./timeouts.ts";
import type { DurableView } from "./view-durable.ts";

/** What heartbeats are made of. */
export interface HeartbeatsOptions {
  readonly identity: Pick<Identity, "standby" | "solo">;
  readonly status: Pick<Status, "normal">;
  readonly roles: Pick<Roles, "primary" | "backup" | "primaryIndex">;
  readonly view: Pick<DurableView, "view">;
  readonly log: LogPosition;
  readonly window: Pick<CheckpointWindow, "opCheckpoint">;
  readonly superblock: Pick<SuperBlock, "checkpointIds"> & {
    readonly working: Pick<SuperBlockImage, "checkpointHeader">;
  };
  readonly journal: Pick<Journal, "headerWithOp">;
  readonly messages: Pick<MessageBuilder, "header">;
  readonly outbox: Pick<Outbox, "sendToOtherReplicasAndStandbys">;
  readonly timeouts: Timeouts;
  readonly faultDetector: FaultDetector;
  readonly time: Time;
  readonly logger: Logger;
  /** Whether a state sync is under way, in any of its stages. */
  readonly syncing: () => boolean;
  /** Runs when the primary is silent for too long: this replica wants another view. */
  readonly onLost: () => void;
  /** Runs when the primary shows that it lives: this replica does not want another view any more. */
  readonly onAlive: () => void;
  /** Runs after a backup has heard what is committed: there may be something to execute. */
  readonly onCommitted: () => void;
}

/** Sends heartbeats, hears them, and notices when they stop. */
export class Heartbeats {
  readonly #options: HeartbeatsOptions;
  /** The primary's clock in the newest heartbeat of this view: older and repeated ones are no sign of life. */
  #heartbeatTimestamp = 0n;
  /** Whether this primary withholds heartbeats, because it is of no use. */
  #abdicating = false;

  constructor(options: HeartbeatsOptions) {
    this.#options = options;
  }

  /** Whether this primary withholds heartbeats, so that the others choose another one. */
  get abdicating(): boolean {
    return this.#abdicating;
  }

  /** To be called whenever the status or the view changes. */
  onTransition(): void {
    this.#heartbeatTimestamp = 0n;
    this.#abdicating = false;
    if (this.#options.status.normal) this.#options.faultDetector.reset(this.#options.time.monotonic());
  }

  /** Looks for silence, every tick: the primary's own ends in a heartbeat, that of others in wanting another primary. */
  tick(): void {
    const { identity, status, roles, timeouts, faultDetector, time } = this.#options;
    if (!status.normal || identity.standby) return;
    // Read once: by the next reading a silence that is not red yet may have become so.
    const now = time.monotonic();
    const tardiness = faultDetector.tardiness(now);
    if (tardiness === "green") return;
    if (roles.primary) {
      if (tardiness === "red") this.#log("warn", "tick: heartbeats are late: ticks were delayed");
      // Else the regular heartbeats would come in between, and the interval could never grow to theirs.
      timeouts.get("commitMessage").reset();
      this.send();
    } else if (tardiness === "red") {
      this.#log("warn", "tick: heartbeat lost");
      this.#options.onLost();
      faultDetector.signal(time.monotonic());
    }
    const { lastSignal } = faultDetector;
    assert(tardiness !== "red" || lastSignal >= now, () => `silence since ${lastSignal} is not answered at ${now}`);
  }

  /** As the primary, tells all others that it lives and what is committed, unless it abdicates. */
  send(): void {
    const { roles, view, log, window, superblock, messages, outbox, faultDetector, time } = this.#options;
    assert(roles.primary, "only a primary sends heartbeats");
    if (this.#options.syncing()) return;
    const now = time.monotonic();
    faultDetector.signal(now);
    if (this.#abdicating) return this.#log("warn", "send_commit: primary abdicating");
    const message = messages.header(CommitHeader, Command.commit, view.view, (header) => {
      header.commit = log.commitMax;
      header.commitChecksum = this.#committed().checksum;
      header.timestampMonotonic = now;
      header.checkpointOp = window.opCheckpoint;
      header.checkpointId = superblock.checkpointIds.id;
    });
    outbox.sendToOtherReplicasAndStandbys(message);
    message.release();
  }

  /** The commit_message timeout: time for the regular heartbeat. */
  onCommitTimeout(timeout: Timeout): void {
    timeout.reset();
    this.send();
  }

  /**
   * The primary_abdicate timeout: for long nobody acknowledged anything, or there was no agreement on the time. This
   * primary keeps working, but lets the others think that it is gone.
   */
  onAbdicateTimeout(timeout: Timeout): void {
    timeout.reset();
    if (this.#options.identity.solo) return;
    this.#abdicating = true;
    this.#log("warn", "on_primary_abdicate: nobody acknowledges; heartbeats are withheld");
  }

  /** Someone acknowledged a prepare: this primary is of use. */
  onHeard(): void {
    this.#abdicating = false;
  }

  /** Takes the heartbeat of the primary. The reference stays the caller's. */
  onCommit(message: Message): void {
    const { roles, view, log, faultDetector, time, onAlive, onCommitted } = this.#options;
    const header = message.as(CommitHeader);
    if (!roles.backup || header.view !== view.view) return;
    if (header.replica !== roles.primaryIndex) return this.#log("warn", "on_commit: dropped: not of the primary");
    const contradiction = this.#contradiction(header);
    if (contradiction !== null) return this.#log("error", `on_commit: dropped: ${contradiction}`);
    if (header.timestampMonotonic > this.#heartbeatTimestamp) {
      this.#heartbeatTimestamp = header.timestampMonotonic;
      faultDetector.signal(time.monotonic());
      onAlive();
    }
    log.learnCommitMax(header.commit);
    onCommitted();
  }

  /**
   * Why a correct primary cannot have committed this, or null: what is committed has one checksum. Another one below a broken
   * chain is of a log that is still being repaired.
   */
  #contradiction({ commit, commitChecksum }: CommitHeader): string | null {
    const { journal, log } = this.#options;
    const header = commit <= log.op ? journal.headerWithOp(commit) : null;
    if (header === null || header.checksum === commitChecksum) return null;
    const intact = journal.headerWithOp(log.op) !== null && chainStart(journal, log.op, commit) === commit;
    return intact ? `op ${commit} has another checksum here than where it was committed` : null;
  }

  /** The header of the newest committed op. Right after a checkpoint was installed only the superblock may have it. */
  #committed(): PrepareHeader {
    const { log, window, journal, superblock } = this.#options;
    if (log.commitMax === window.opCheckpoint) return superblock.working.checkpointHeader;
    const header = journal.headerWithOp(log.commitMax);
    assert(header !== null, () => `op ${log.commitMax} is committed and not in the log`);
    return header;
  }

  #log(level: "error" | "warn" | "debug", message: string): void {
    this.#options.logger.log(level, message, { view: this.#options.view.view });
  }
}
