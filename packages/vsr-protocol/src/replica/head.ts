/**
 * From the recovered journal to the head of the log (spec 04 §12, spec 03 §8.1).
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import { isBlankPrepare } from "../message/special-prepare.ts";
import type { PrepareHeader } from "../message/prepare.ts";
import type { Journal } from "../ports/journal.ts";
import type { ViewHeaders } from "../view-headers.ts";

/** What the superblock says of the log. */
export interface HeadSelection {
  readonly view: number;
  readonly logView: number;
  /** The superblock's view headers, highest op first. */
  readonly viewHeaders: ViewHeaders;
  /** The prepare at which the checkpoint was taken. */
  readonly checkpointHeader: PrepareHeader;
  /** The highest op that may be in the log. */
  readonly opPrepareMax: number;
}

/** What the choice needs of the journal. */
export type HeadJournal = Pick<
  Journal,
  "headerForOp" | "headerWithOp" | "headerWithOpAndChecksum" | "opMaximum" | "setHeaderAsDirty"
>;

/**
 * Chooses the head: the highest op that is in the log or that the superblock promises to be there.
 *
 * At most one promised header enters the journal. The ones below it stay out: they could bring back an op of the
 * previous wrap over a damaged newer one, and the replica would deny the newer one.
 */
export function selectHead(journal: HeadJournal, selection: HeadSelection): number {
  const { view, logView, checkpointHeader, opPrepareMax } = selection;
  assert(logView <= view, () => `log_view ${logView} beyond view ${view}`);
  const recovered = logView === view && !empty(journal) ? journal.opMaximum() : null;
  const op = promised(journal, selection, recovered) ?? recovered ?? lowest(journal, checkpointHeader);
  assert(op >= checkpointHeader.op, () => `head ${op} below the checkpoint ${checkpointHeader.op}`);
  assert(op <= opPrepareMax, () => `head ${op} beyond ${opPrepareMax}`);
  assert(journal.headerWithOp(op) !== null, () => `head ${op} is not in the log`);
  return op;
}

/** The op of the highest usable view header, if it is not below what was recovered. Enters it into the journal. */
function promised(journal: HeadJournal, selection: HeadSelection, recovered: number | null): number | null {
  const usable = (header: PrepareHeader): boolean =>
    !isBlankPrepare(header) && header.op <= selection.opPrepareMax && (recovered === null || recovered <= header.op);
  const header = selection.viewHeaders.find(usable);
  if (header === undefined) return null;
  if (journal.headerWithOpAndChecksum(header.op, header.checksum) === null) journal.setHeaderAsDirty(header);
  return header.op;
}

/** Only when no promised header is usable: what the journal has, or the op of the checkpoint. */
function lowest(journal: HeadJournal, checkpointHeader: PrepareHeader): number {
  if (journal.opMaximum() < checkpointHeader.op || empty(journal)) journal.setHeaderAsDirty(checkpointHeader);
  return journal.opMaximum();
}

/** Whether the journal holds no prepare at all, not even the root. */
function empty(journal: HeadJournal): boolean {
  return journal.opMaximum() === 0 && journal.headerWithOp(0) === null;
}
