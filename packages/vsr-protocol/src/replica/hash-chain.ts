/**
 * The hash chain of the log: every prepare names the checksum of the one before it (spec 03 §16.3, §19.2).
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import type { Config } from "../config/config.ts";
import { isParentOf, type PrepareHeader } from "../message/prepare.ts";
import type { Journal } from "../ports/journal.ts";
import type { ViewChangeArray } from "../view-headers.ts";

/** What the chain is read from. */
export type JournalHeaders = Pick<Journal, "headerWithOp">;

/** The lowest op, not below `opMin`, from which the log is unbroken up to `op`, which must be there. */
export function chainStart(journal: JournalHeaders, op: number, opMin: number): number {
  let child = journal.headerWithOp(op);
  assert(child !== null, () => `op ${op} is not in the log`);
  let start = op;
  while (start > opMin) {
    const parent = journal.headerWithOp(start - 1);
    if (parent === null || !isParentOf(parent, child)) break;
    child = parent;
    start -= 1;
  }
  return start;
}

/**
 * Where the chain from `op` down to the checkpoint ends too early: the lowest op from which the log is unbroken, or null if
 * it goes down to the checkpoint. The checkpoint's own prepare may have been overwritten: its header is in the superblock.
 */
export function chainBreak(journal: JournalHeaders, op: number, checkpoint: PrepareHeader): number | null {
  assert(op >= checkpoint.op, () => `head ${op} below the checkpoint ${checkpoint.op}`);
  const first = checkpoint.op + 1;
  const start = op < first ? op : chainStart(journal, op, first);
  if (start > first) return start;
  const header = headerOf(journal, start);
  const connected = start === first ? header.parent === checkpoint.checksum : header.checksum === checkpoint.checksum;
  return connected ? null : start;
}

/** The ops whose headers tell others of the log of a view, highest first. */
export interface LogExtent {
  /** The highest op to be listed: the head, or what was executed. */
  readonly opMax: number;
  /** The highest op that the log can hold before the next checkpoint is durable. */
  readonly opPrepareMax: number;
}

/**
 * The view headers of the log as it is (spec 03 §19.2): the newest ones without a gap, and at most two *hooks* further
 * down, for replicas that are one or two checkpoints behind.
 *
 * @returns views into the journal's own memory, highest op first.
 */
export function viewHeadersOfLog(config: Config, journal: JournalHeaders, extent: LogExtent): ViewChangeArray {
  const { opMax, opPrepareMax } = extent;
  const { vsrCheckpointOps } = config.derived;
  const opMin = chainStart(journal, opMax, Math.max(0, opMax + 1 - config.cluster.journalSlotCount));
  const suffixMin = Math.max(0, opMax + 1 - config.cluster.viewChangeHeadersSuffixMax);
  const headers: ViewChangeArray = [];
  for (let op = opMax; op >= suffixMin; op -= 1) headers.push(headerOf(journal, op));
  let lowest = suffixMin;
  for (const hook of [opPrepareMax - vsrCheckpointOps, opPrepareMax - 2 * vsrCheckpointOps]) {
    const op = Math.max(0, hook);
    if (op >= lowest || op < opMin) continue;
    headers.push(headerOf(journal, op));
    lowest = op;
  }
  assert(headers.length <= config.derived.viewHeadersMax, () => `${headers.length} view headers`);
  return headers;
}

function headerOf(journal: JournalHeaders, op: number): PrepareHeader {
  const header = journal.headerWithOp(op);
  assert(header !== null, () => `op ${op} is not in the log`);
  return header;
}
