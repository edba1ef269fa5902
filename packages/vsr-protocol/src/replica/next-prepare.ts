/**
 * Which prepare is executed next, and getting it (spec 03 §16.2).
 *
 * A number does not say which op is committed: the same number may have meant another prepare in an older view. So a prepare
 * is taken only if the log certainly is that of the cluster.
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import { fatal, FatalReason } from "../fatal.ts";
import type { Message } from "../message/message.ts";
import type { PrepareHeader } from "../message/prepare.ts";
import type { Journal } from "../ports/journal.ts";
import type { Logger } from "../ports/logger.ts";
import type { SuperBlockImage } from "../superblock/image.ts";
import type { CheckpointWindow } from "./checkpoint-window.ts";
import type { Identity } from "./identity.ts";
import type { LogPosition } from "./log-position.ts";
import type { Pipeline } from "./pipeline.ts";
import type { Roles } from "./roles.ts";
import type { Status } from "./status.ts";

/** What the choice depends on. */
export interface NextPrepareOptions {
  readonly identity: Pick<Identity, "solo">;
  readonly status: Pick<Status, "current" | "normal">;
  readonly roles: Pick<Roles, "primary" | "ofPrimary">;
  readonly log: LogPosition;
  readonly window: Pick<CheckpointWindow, "opCheckpoint">;
  readonly pipeline: Pick<Pipeline, "head" | "find">;
  readonly journal: Pick<Journal, "headerWithOp" | "readPrepare">;
  readonly superblock: { readonly working: Pick<SuperBlockImage, "checkpointHeader"> };
  readonly logger: Logger;
  /** Whether the log is whole from what was executed to the head, and the head is what is known to be committed. */
  readonly validHashChain: () => boolean;
}

/** Finds the next prepare to execute. */
export class NextPrepare {
  readonly #options: NextPrepareOptions;
  /** The header checksum of the op that was executed last; null if none was since the start. */
  #executed: bigint | null = null;

  constructor(options: NextPrepareOptions) {
    this.#options = options;
  }

  /** Whether there may be one: a primary waits for its quorum, all others for what they know to be committed. */
  get possible(): boolean {
    const { roles, status, pipeline, log } = this.#options;
    if (roles.primary) return pipeline.head?.okQuorumReceived === true;
    return status.current !== "recovering_head" && log.commitMin < log.commitMax && log.commitMin < log.op;
  }

  /**
   * Gets the next prepare: as the primary from the queue, else from the cache or the log.
   *
   * @param callback runs once, maybe from inside the call: with a prepare and a reference of it, or null if there is none now.
   * @throws FatalError (status 1), maybe later: a replica that is alone cannot read its log.
   */
  take(callback: (prepare: Message | null) => void): void {
    const { roles, pipeline } = this.#options;
    if (roles.primary) return callback(this.possible ? (pipeline.head?.message.reference() ?? null) : null);
    const header = this.#inLog();
    if (header === null) return callback(null);
    const cached = pipeline.find(header.op, header.checksum);
    if (cached === null) this.#read(header, callback);
    else callback(cached.reference());
  }

  /** To be called with every prepare that was executed: its slot may be another op's before the next one is. */
  executed({ op, checksum }: PrepareHeader): void {
    const { commitMin } = this.#options.log;
    assert(op === commitMin, () => `op ${op} was executed, and then op ${commitMin}`);
    this.#executed = checksum;
  }

  /** Whether a prepare has what was executed last as its parent. */
  follows({ parent }: PrepareHeader): boolean {
    const { log, window, superblock } = this.#options;
    // The state is that of the checkpoint: at the start, and after a state sync.
    if (log.commitMin === window.opCheckpoint) return superblock.working.checkpointHeader.checksum === parent;
    assert(this.#executed !== null, () => `op ${log.commitMin} is neither the checkpoint's nor was it executed`);
    return this.#executed === parent;
  }

  /**
   * The header of the next op, if it is committed and its header certainly that of what was committed: all of the log down
   * to it hangs together, or it was prepared by the primary that prepared the head and follows what was executed.
   */
  #inLog(): PrepareHeader | null {
    const { status, log, journal, validHashChain, logger } = this.#options;
    if (!this.possible) return null;
    const header = journal.headerWithOp(log.commitMin + 1);
    if (header === null) return null;
    const ofHeadsView = status.normal && header.view === journal.headerWithOp(log.op)?.view;
    if (!ofHeadsView && !validHashChain()) return null;
    if (this.follows(header)) return header;
    logger.log("error", "commit: the next op in the log does not follow what was executed", { op: header.op });
    return null;
  }

  #read({ op, checksum }: PrepareHeader, callback: (prepare: Message | null) => void): void {
    this.#options.journal.readPrepare(op, checksum, "commit", (message) =>
      callback(message === null ? this.#unreadable(op) : this.#stillWanted(message)),
    );
  }

  /** Others repair it: the loop rests until then. */
  #unreadable(op: number): null {
    if (!this.#options.identity.solo) return null;
    return fatal(
      FatalReason.cli,
      `the write-ahead log is damaged: op ${op} cannot be read back, and a single replica has no one to get it from. ` +
        "Restore the data file from a copy, or replay an AOF",
    );
  }

  /** The view may have changed while the prepare was read: then it is the new primary's to say what is executed. */
  #stillWanted(message: Message): Message | null {
    const { status, roles } = this.#options;
    if (status.current !== "view_change" || roles.ofPrimary) return message;
    message.release();
    return null;
  }
}
