/**
 * Which headers may enter the log below its head (spec 03 §20.4, §18.7).
 *
 * The head gives meaning to everything else: only the primary of the view may change it. Below it, an older viewstamp is not
 * necessarily worse than a newer one; the hash chain from the head down decides.
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import { isParentOf, type PrepareHeader } from "../../message/prepare.ts";
import type { Journal } from "../../ports/journal.ts";
import type { Logger } from "../../ports/logger.ts";
import type { SuperBlockImage } from "../../superblock/image.ts";
import type { CheckpointWindow } from "../checkpoint-window.ts";
import { chainStart } from "../hash-chain.ts";
import type { LogPosition } from "../log-position.ts";
import type { DurableView } from "../view-durable.ts";

/** What headers are repaired with. */
export interface HeaderRepairOptions {
  readonly view: Pick<DurableView, "view" | "hasOther">;
  readonly log: Pick<LogPosition, "op" | "commitMin" | "commitMax">;
  readonly window: CheckpointWindow;
  readonly journal: Pick<Journal, "headerWithOp" | "hasHeader" | "hasPrepare" | "setHeaderAsDirty">;
  readonly superblock: { readonly working: Pick<SuperBlockImage, "checkpointHeader"> };
  /** Whether a state sync has chosen its checkpoint, which is not durable yet. */
  readonly updatingCheckpoint: () => boolean;
  readonly logger: Logger;
}

/** Puts headers of others into the log, and says which ops it must have. */
export class HeaderRepair {
  readonly #options: HeaderRepairOptions;

  constructor(options: HeaderRepairOptions) {
    this.#options = options;
  }

  /** The oldest op whose prepare must be in the log. */
  get opRepairMin(): number {
    const { log, window } = this.#options;
    const op = window.opRepairMin(log.op, log.commitMax);
    assert(op <= log.commitMin + 1, () => `op_repair_min ${op} above commit_min ${log.commitMin}`);
    return op;
  }

  /** The newest op that must be in the log. If the head is below it, the log ends too early. */
  get opRepairMax(): number {
    const { log, window } = this.#options;
    return window.opRepairMax(log.op, log.commitMax);
  }

  /**
   * Whether the log from what is executed up to the head is whole and the head is that of the cluster (spec 03 §16.3): only
   * then is it certain what the ops to be executed are.
   */
  validHashChain(): boolean {
    const { log, window, journal, superblock, logger } = this.#options;
    const { opCheckpoint } = window;
    if (log.op < this.opRepairMax || log.op === opCheckpoint) return false;
    const opMin = Math.max(log.commitMin, opCheckpoint + 1);
    assert(opMin <= log.op, () => `head ${log.op} below ${opMin}`);
    if (chainStart(journal, log.op, opMin) > opMin) return false;
    const first = opMin === opCheckpoint + 1 ? journal.headerWithOp(opMin) : null;
    const follows = first === null || first.parent === superblock.working.checkpointHeader.checksum;
    if (!follows) logger.log("error", "the log does not follow the checkpoint", { op: opMin });
    return follows;
  }

  /**
   * Takes over a header that anyone sent, if the hash chain proves that it belongs into the log. Its prepare is fetched later.
   *
   * @returns whether the log has the header now, and lacks its prepare.
   */
  repairHeader(header: PrepareHeader): boolean {
    const { journal, logger } = this.#options;
    const because = this.#refused(header) ?? this.#contradiction(header);
    if (because !== null) {
      if (logger.enabled("debug")) logger.log("debug", `repair_header: ignoring (${because})`, { op: header.op });
      return false;
    }
    journal.setHeaderAsDirty(header);
    return true;
  }

  /**
   * Takes over a header of the log of the view: of those that a quorum chose, or of the primary's `view`. An op below those
   * that must be in the log is left alone.
   */
  replaceHeader(header: PrepareHeader): void {
    const { log, window, journal } = this.#options;
    const { op } = header;
    assert(op <= log.op && op <= window.opPrepareMaxSync, () => `op ${op} above head ${log.op} enters the log`);
    const foreign = this.foreign(header);
    assert(foreign === null, () => `op ${op} enters the log: ${foreign ?? ""}`);
    if (op < this.opRepairMin || journal.hasHeader(header)) return;
    journal.setHeaderAsDirty(header);
  }

  /**
   * Why the header cannot be that of an op of this replica's log, whoever vouches for it, or null. To be asked before
   * {@link HeaderRepair.replaceHeader} of every header that others sent.
   */
  foreign(header: PrepareHeader): string | null {
    const { view, log, window, journal, superblock, updatingCheckpoint } = this.#options;
    const { op } = header;
    if (header.view > view.view) return `of view ${header.view} in view ${view.view}`;
    if (view.hasOther(header)) return "the log of the view has another one";
    const executed = op > window.opCheckpoint && op <= log.commitMin && !updatingCheckpoint();
    if (executed && journal.headerWithOp(op) !== null && !journal.hasHeader(header))
      return "another one was executed here";
    const follows = op !== window.opCheckpoint + 1 || header.parent === superblock.working.checkpointHeader.checksum;
    if (!follows) return "it does not follow the checkpoint";
    const contradiction = this.#neighbourContradicts(header);
    return contradiction === null ? null : `it is not chained to ${contradiction}`;
  }

  /** Why the header is not wanted or not proved to belong into the log, or null. The first that applies. */
  #refused(header: PrepareHeader): string | null {
    const { view, log, journal, updatingCheckpoint } = this.#options;
    const { op } = header;
    if (updatingCheckpoint()) return "a checkpoint is being installed";
    if (header.view > view.view) return "newer view";
    if (op > log.op) return "it would advance the head";
    if (op === log.op && !journal.hasHeader(header)) return "it would replace the head";
    if (op < this.opRepairMin) return "it precedes what is needed";
    if (journal.hasPrepare(header)) return "it is here";
    return this.#chainsToHead(header) ? null : "it does not chain to the head";
  }

  /**
   * What a correct cluster never sends, because all who have executed an op have the same one (spec 03 §20.4, step 6). To
   * refuse it is safe: what is here stays.
   */
  #contradiction(header: PrepareHeader): string | null {
    const { view, log, window, journal, logger } = this.#options;
    const { op } = header;
    const executed = op > window.opCheckpointSync && op <= log.commitMin && journal.headerWithOp(op) !== null;
    const checkpointId = op <= window.opPrepareMax ? window.checkpointIdForOp(op) : null;
    const because =
      executed && !journal.hasHeader(header)
        ? "another op was executed here"
        : checkpointId !== null && header.checkpointId !== checkpointId
          ? "it is of another checkpoint"
          : view.hasOther(header)
            ? "the log of the view has another one"
            : this.#neighbourContradicts(header);
    if (because !== null) logger.log("error", `repair_header: op contradicts the log: ${because}`, { op });
    return because;
  }

  /** The primary of a view chains all of its ops. */
  #neighbourContradicts(header: PrepareHeader): string | null {
    const { journal } = this.#options;
    const { op, view } = header;
    const child = journal.headerWithOp(op + 1);
    if (child !== null && child.view === view && !isParentOf(header, child)) return "the next op of its view";
    const parent = op === 0 ? null : journal.headerWithOp(op - 1);
    return parent !== null && parent.view === view && !isParentOf(parent, header) ? "the op before of its view" : null;
  }

  /** Whether every header from this one to the head is the parent of the next. Ops of the head's own view are, by its primary. */
  #chainsToHead(header: PrepareHeader): boolean {
    const { log, journal } = this.#options;
    const head = journal.headerWithOp(log.op);
    assert(head !== null, () => `the head ${log.op} is not in the log`);
    if (head.view === header.view) return true;
    let parent = header;
    for (let op = header.op + 1; op <= log.op; op += 1) {
      const child = journal.headerWithOp(op);
      if (child === null || !isParentOf(parent, child)) return false;
      parent = child;
    }
    return true;
  }
}
