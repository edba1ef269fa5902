/**
 * Taking over the head of a log that was decided elsewhere: by a quorum, or by the primary's `view` (spec 03 §18.7).
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import type { Journal } from "../../ports/journal.ts";
import type { CheckpointWindow } from "../checkpoint-window.ts";
import type { LogPosition } from "../log-position.ts";

/** What the head is part of. */
export interface LogHeadOptions {
  /** `pipeline_prepare_queue_max`. */
  readonly pipelinePrepareQueueMax: number;
  readonly log: LogPosition;
  readonly window: Pick<CheckpointWindow, "opPrepareMax">;
  readonly journal: Pick<Journal, "removeEntriesFrom">;
}

/**
 * Moves the head to `op`, forward or back, and learns that all up to `commitMax` is committed. What the journal holds above
 * the head is forgotten. The header of the head is still to be put into the journal.
 *
 * Nothing committed is ever truncated: an op that this replica acknowledged and that is gone had no quorum.
 */
export function installHead(op: number, commitMax: number, options: LogHeadOptions): void {
  const { log, window, journal, pipelinePrepareQueueMax } = options;
  if (op < Math.min(log.op, window.opPrepareMax)) {
    assert(op >= Math.max(commitMax, log.commitMax), () => `head ${op} is committed up to ${log.commitMax}`);
    assert(log.op <= op + pipelinePrepareQueueMax, () => `head ${log.op} goes back to ${op}`);
  }
  log.installHead(op, commitMax);
  journal.removeEntriesFrom(op + 1);
}
