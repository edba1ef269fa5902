/**
 * What a replica promises to the next view: the headers of its `join_view`, and which of their prepares it has (spec 03
 * §18.2, §18.3).
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import { HEADER_SIZE_BYTES } from "../../message/frame.ts";
import { PrepareHeader } from "../../message/prepare.ts";
import { isBlankPrepare, writeBlankPrepare } from "../../message/special-prepares.ts";
import type { Journal } from "../../ports/journal.ts";
import { belowInvalid, type ViewChangeArray, type ViewChangeSlice } from "../../view-headers.ts";

/** Where a replica stands when it leaves a view whose log it holds. */
export interface LogLeft {
  readonly journal: Pick<Journal, "headerWithOp">;
  /** The head. */
  readonly op: number;
  readonly commitMax: number;
  /** The headers of `log_view`, highest op first; some may be above the head. */
  readonly viewHeaders: ViewChangeSlice;
  /**
   * Whether the replica leaves as a primary that chose the log of the view but did not get to start it. The headers it
   * holds are older than its choice then, which truncated some of them.
   */
  readonly primaryRepairing: boolean;
  /** `pipeline_prepare_queue_max`. */
  readonly pipelinePrepareQueueMax: number;
}

/**
 * The headers of a `join_view`: every op above `commitMax` that the replica may have prepared, and the highest committed one.
 * A blank stands for an op that it knows nothing of, or of which it has a header that contradicts those above: someone who is
 * not correct sent one of them, and a blank claims nothing.
 *
 * Nothing below that is added: an older header that looks whole could hide a break of the chain.
 *
 * @returns 1 to `pipelinePrepareQueueMax` + 1 headers, consecutive, highest op first: views into the memory of the journal
 * and of `viewHeaders`, and new blanks.
 */
export function joinViewHeaders(log: LogLeft): ViewChangeArray {
  const { op: head, commitMax, pipelinePrepareQueueMax } = log;
  const newest = log.viewHeaders[0];
  assert(newest !== undefined, "a log has a head");
  const top = log.primaryRepairing ? head : Math.max(head, newest.op);
  const headers: ViewChangeArray = [];
  let above: PrepareHeader | null = null;
  for (let op = top; headers.length <= pipelinePrepareQueueMax; op -= 1) {
    const header = knownHeader(log, op);
    assert(header !== null || (op !== top && op !== head), () => `the head ${op} is not in the log`);
    const believed = header !== null && (above === null || belowInvalid(above, header) === null);
    headers.push(believed ? header : blankHeader(op));
    if (believed) above = header;
    if (op <= commitMax) {
      assert(op === commitMax || commitMax > head, () => `headers end at op ${op}, not at ${commitMax}`);
      return headers;
    }
  }
  assert(false, () => `head ${top} is more than a pipeline beyond commit_max ${commitMax}`);
}

/** Bit i of each set belongs to header i of the list. Both may be set for one header. */
export interface JoinViewBits {
  /** The prepare is here: a `get_prepare` could be answered. */
  readonly present: bigint;
  /** The prepare was never durable here, for certain. */
  readonly nack: bigint;
}

/** What the bits are computed from: the journal as it is now, whatever it was when the headers were promised. */
export interface PreparesHeld {
  readonly journal: Pick<Journal, "headerWithOp" | "hasDirty" | "hasFaulty" | "holdsPrepare" | "writing">;
  /** Whether the prepare is in the pipeline. */
  readonly inPipeline: (op: number, checksum: bigint) => boolean;
}

/** Which of the promised headers' prepares a replica has, and which it certainly never had. */
export function joinViewBits(headers: ViewChangeSlice, held: PreparesHeld): JoinViewBits {
  assert(headers.length > 0 && headers.length <= 128, () => `${headers.length} headers have bits`);
  let present = 0n;
  let nack = 0n;
  for (const [index, header] of headers.entries()) {
    const bit = 1n << BigInt(index);
    if (isPresent(header, held)) present |= bit;
    if (isNacked(header, held)) nack |= bit;
  }
  return { present, nack };
}

/** The header of `op` in the log of `log_view`, wherever it is known from. */
function knownHeader({ journal, viewHeaders, primaryRepairing }: LogLeft, op: number): PrepareHeader | null {
  const inJournal = journal.headerWithOp(op);
  if (primaryRepairing) return inJournal;
  const inView = viewHeaders.find((header) => header.op === op && !isBlankPrepare(header)) ?? null;
  const same = inJournal === null || inView === null || inJournal.checksum === inView.checksum;
  assert(same, () => `op ${op} of the journal is not that of the view`);
  return inJournal ?? inView;
}

function blankHeader(op: number): PrepareHeader {
  const header = new PrepareHeader(new Uint8Array(HEADER_SIZE_BYTES));
  writeBlankPrepare(header, op);
  return header;
}

/** Judged by what the disk holds, not by the headers: what they say of it may be on its way to change. */
function isPresent(header: PrepareHeader, { journal, inPipeline }: PreparesHeld): boolean {
  if (isBlankPrepare(header)) return false;
  const { op, checksum } = header;
  return journal.holdsPrepare(op, checksum) || journal.writing(header) === "exact" || inPipeline(op, checksum);
}

/** Absence proves nothing where something may have been lost: a nack needs a slot that is whole. */
function isNacked(header: PrepareHeader, { journal }: PreparesHeld): boolean {
  const inJournal = journal.headerWithOp(header.op);
  if (inJournal === null) return !journal.hasFaulty(header.op);
  if (isBlankPrepare(header)) return false;
  if (inJournal.checksum !== header.checksum) return true;
  return journal.hasDirty(header.op) && !journal.hasFaulty(header.op);
}
