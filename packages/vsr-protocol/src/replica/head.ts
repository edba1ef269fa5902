/**
 * From the recovered journal to the head: the op with which the replica's log ends (spec 04 §12, 03 §8.1 step 5).
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import type { PrepareHeader } from "../message/prepare.ts";
import { isBlankPrepare } from "../message/special-prepares.ts";
import type { Journal } from "../ports/journal.ts";
import type { ViewChangeSlice } from "../view-headers.ts";

/** What the superblock says, as far as the head depends on it. */
export interface HeadContext {
  readonly opCheckpoint: number;
  /** The header of the checkpoint's op. */
  readonly checkpointHeader: PrepareHeader;
  /** The highest op that may be in the log. */
  readonly opPrepareMax: number;
  readonly view: number;
  readonly logView: number;
  /** Highest op first. */
  readonly viewHeaders: ViewChangeSlice;
  /** The superblock's `commit_max`. */
  readonly commitMax: number;
  readonly pipelinePrepareQueueMax: number;
}

/** Where a replica's log stands after recovery. `opCheckpoint` ≤ `op` ≤ `opPrepareMax`. */
export interface Head {
  readonly op: number;
  readonly commitMin: number;
  readonly commitMax: number;
}

/** What of the journal the choice of the head looks at and changes. */
export type HeadJournal = Pick<Journal, "hasHeader" | "headerWithOp" | "opMaximum" | "setHeaderAsDirty">;

/**
 * Chooses the head, and puts its header into the journal if it is not there.
 *
 * While a view change is under way (`logView < view`) the log that this replica promised decides, whatever was written
 * after that. Otherwise the highest op in the journal does, or the newest view header if that is higher. Of the view
 * headers only one is loaded: a lower one could bring back an op of an earlier wrap over a newer one that is damaged.
 */
export function chooseHead(journal: HeadJournal, context: HeadContext): Head {
  const { opCheckpoint, opPrepareMax, logView, view } = context;
  assert(logView <= view, () => `log_view ${logView} > view ${view}`);
  const inJournal = logView === view ? highestInJournal(journal) : null;
  const promised = usableViewHeader(context, inJournal?.op ?? null);
  if (promised !== null && !journal.hasHeader(promised)) journal.setHeaderAsDirty(promised);
  const op = promised?.op ?? inJournal?.op ?? lastResort(journal, context);
  assert(
    opCheckpoint <= op && op <= opPrepareMax,
    () => `head ${op}, checkpoint ${opCheckpoint}, last ${opPrepareMax}`,
  );
  const head = journal.headerWithOp(op);
  assert(head !== null && head.view <= logView, () => `the head ${op} is of log_view ${logView}`);
  const commitMax = Math.max(context.commitMax, op - context.pipelinePrepareQueueMax, 0);
  return { op, commitMin: opCheckpoint, commitMax };
}

/**
 * Whether no newer op can hide behind damage: the slots of the head and of all ops that may follow it are whole.
 *
 * @param opPrepareMax the highest op that may be in the log.
 */
export function headCertain(journal: Pick<Journal, "hasFaulty">, op: number, opPrepareMax: number): boolean {
  assert(op <= opPrepareMax, () => `head ${op}, last ${opPrepareMax}`);
  if (op === opPrepareMax) return true;
  for (let candidate = op; candidate <= opPrepareMax; candidate += 1) {
    if (journal.hasFaulty(candidate)) return false;
  }
  return true;
}

function highestInJournal(journal: HeadJournal): PrepareHeader | null {
  return journal.headerWithOp(journal.opMaximum());
}

/** The view header to start from: the highest one that is a prepare of the log and not below what the journal has. */
function usableViewHeader({ viewHeaders, opPrepareMax }: HeadContext, opMin: number | null): PrepareHeader | null {
  for (const header of viewHeaders) {
    if (isBlankPrepare(header) || header.op > opPrepareMax) continue;
    // They only get lower from here.
    return opMin !== null && header.op < opMin ? null : header;
  }
  return null;
}

/**
 * Without a view header to go by: what the journal ends with, or the checkpoint if the journal ends below it.
 */
function lastResort(journal: HeadJournal, { opCheckpoint, checkpointHeader, logView, view }: HeadContext): number {
  assert(checkpointHeader.op === opCheckpoint, () => `op ${checkpointHeader.op} is not the checkpoint ${opCheckpoint}`);
  const opMaximum = journal.opMaximum();
  const empty = opMaximum < opCheckpoint || journal.headerWithOp(opMaximum) === null;
  assert(logView < view || empty, "only a view change ignores the journal");
  if (empty) {
    if (!journal.hasHeader(checkpointHeader)) journal.setHeaderAsDirty(checkpointHeader);
    return opCheckpoint;
  }
  return opMaximum;
}
