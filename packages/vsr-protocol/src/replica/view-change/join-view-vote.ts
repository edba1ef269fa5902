/**
 * A `join_view` as a vote: what one replica says of its log, checked so far as one vote, or two of them, can be (spec 03
 * §18.4, §18.5).
 *
 * @module
 */
import type { Config } from "../../config/config.ts";
import type { JoinViewHeader } from "../../message/join-view.ts";
import type { PrepareHeader } from "../../message/prepare.ts";
import { isBlankPrepare } from "../../message/special-prepares.ts";
import { type ViewChangeSlice, viewHeadersInvalid, viewHeadersIn } from "../../view-headers.ts";

/** What one replica says of its log when it joins a view. */
export interface JoinViewVote {
  /** The replica's index. */
  readonly replica: number;
  /** The last view whose log the replica holds. */
  readonly logView: number;
  /** The op of the first header. */
  readonly op: number;
  /** The highest op that the replica executed. */
  readonly commitMin: number;
  /** The op of the replica's checkpoint. */
  readonly checkpointOp: number;
  /** Consecutive, highest op first; blanks for ops that it knows nothing of. */
  readonly headers: ViewChangeSlice;
  /** Bit i: the prepare of header i is there. */
  readonly present: bigint;
  /** Bit i: the prepare of header i was never durable there. */
  readonly nack: bigint;
}

/** The vote in a `join_view` whose header and body are valid by themselves. Its headers are views of `body`. */
export function joinViewVote(header: JoinViewHeader, body: Uint8Array): JoinViewVote {
  return {
    replica: header.replica,
    logView: header.logView,
    op: header.op,
    commitMin: header.commitMin,
    checkpointOp: header.checkpointOp,
    headers: viewHeadersIn(body),
    present: header.presentBitset,
    nack: header.nackBitset,
  };
}

/** Why no correct replica can have cast this vote for `view`, or null. Safe on any vote. */
export function joinViewVoteInvalid(config: Config, vote: JoinViewVote, view: number): string | null {
  const { headers, logView, op, commitMin, checkpointOp, present, nack } = vote;
  if (logView >= view) return `log_view ${logView} is not below view ${view}`;
  if (checkpointOp > commitMin) return `checkpoint ${checkpointOp} is beyond commit_min ${commitMin}`;
  if (commitMin > op) return `commit_min ${commitMin} is beyond op ${op}`;
  if (headers.length > config.cluster.pipelinePrepareQueueMax + 1) return `${headers.length} headers`;
  const invalid = viewHeadersInvalid(config, "joinView", headers);
  if (invalid !== null) return `headers: ${invalid}`;
  const newest = headers[0];
  if (newest?.op !== op) return `the headers begin with op ${newest?.op}, not ${op}`;
  if (newest.view > logView) return `the head is of view ${newest.view}, beyond log_view ${logView}`;
  return bitsInvalid(headers, present, nack);
}

/**
 * Why two votes for one view cannot both be those of correct replicas, or null. Replicas that hold the log of one view
 * cannot disagree on it; nor can any two on ops that were prepared in one view, because its primary chains them.
 */
export function joinViewVotesContradict(one: JoinViewVote, other: JoinViewVote): string | null {
  const sameLog = one.logView === other.logView;
  for (const header of one.headers) {
    if (isBlankPrepare(header)) continue;
    const agree = (entry: PrepareHeader | null): entry is PrepareHeader =>
      entry !== null && (sameLog || entry.view === header.view);
    const same = entryOf(other, header.op);
    if (agree(same) && same.checksum !== header.checksum) return `op ${header.op} differs`;
    const child = entryOf(other, header.op + 1);
    if (agree(child) && child.parent !== header.checksum) return `op ${child.op} does not follow`;
    const parent = entryOf(other, header.op - 1);
    if (agree(parent) && parent.checksum !== header.parent) return `op ${header.op} does not follow`;
  }
  return null;
}

/** The header of an op in a vote, unless it is blank or not in the list. */
export function entryOf(vote: JoinViewVote, op: number): PrepareHeader | null {
  const entry = vote.headers[vote.op - op];
  return entry === undefined || isBlankPrepare(entry) ? null : entry;
}

/** Whether the bit of an op that is in the list is set. */
export function bitOf(set: bigint, vote: JoinViewVote, op: number): boolean {
  return ((set >> BigInt(vote.op - op)) & 1n) === 1n;
}

function bitsInvalid(headers: ViewChangeSlice, present: bigint, nack: bigint): string | null {
  const unused = BigInt(headers.length);
  if (present >> unused !== 0n || nack >> unused !== 0n) return "bits are set beyond the headers";
  for (const [index, header] of headers.entries()) {
    if (isBlankPrepare(header) && ((present >> BigInt(index)) & 1n) === 1n) return `blank ${header.op} is present`;
  }
  return null;
}
