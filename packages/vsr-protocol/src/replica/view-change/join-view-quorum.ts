/**
 * Which log the next view begins with: what a quorum of `join_view` votes decides (spec 03 §18.5, §30.1, §30.2).
 *
 * A committed op is in the log of at least one voter of any quorum. So an op may be discarded only if so many say that they
 * never had it that it cannot have been committed; and it may be kept only if someone can still show it.
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import type { PrepareHeader } from "../../message/prepare.ts";
import type { Quorums } from "../../quorums.ts";
import { bitOf, entryOf, type JoinViewVote, joinViewVotesContradict } from "./join-view-vote.ts";

/** The cluster's constants. */
export interface JoinViewQuorumRules {
  readonly replicaCount: number;
  readonly quorums: Pick<Quorums, "viewChange" | "nackPrepare">;
  /** `pipeline_prepare_queue_max`. */
  readonly pipelinePrepareQueueMax: number;
}

/**
 * What the votes decide.
 *
 * - `awaiting_quorum`: too few have voted.
 * - `awaiting_repair`: nobody who voted can show `op`, and too few deny it; another vote may tell.
 * - `complete_invalid`: the same, but all have voted. The cluster stops rather than guess.
 * - `complete_valid`: the log is that of `headers`, from its head down to `opMin`, consecutive and hash-chained. All up to
 *   `opMin` is committed for certain.
 */
export type JoinViewQuorum =
  | { readonly outcome: "awaiting_quorum" }
  | { readonly outcome: "awaiting_repair"; readonly op: number }
  | { readonly outcome: "complete_invalid"; readonly op: number }
  | { readonly outcome: "complete_valid"; readonly opMin: number; readonly headers: readonly PrepareHeader[] };

/**
 * Evaluates the votes for one view, one per replica, each valid and none contradicting another.
 *
 * @returns what they decide; headers are views into the votes' memory.
 */
export function evaluateJoinViewQuorum(votes: readonly JoinViewVote[], rules: JoinViewQuorumRules): JoinViewQuorum {
  assertVotes(votes, rules);
  if (votes.length < rules.quorums.viewChange) return { outcome: "awaiting_quorum" };
  const canonical = canonicalVotes(votes);
  const opMin = committedFor(votes, rules.pipelinePrepareQueueMax);
  // A newest log that ends below what is committed would lose it; then there is nothing to show for `opMin`.
  const opMax = Math.max(opMin, ...canonical.map(({ op }) => op));
  const headers: PrepareHeader[] = [];
  for (let op = opMin; op <= opMax; op += 1) {
    const header = canonicalHeader(canonical, op);
    const { copies, nacks } = countVotes(votes, op, header);
    // What is committed stays, whatever is denied.
    if (op > opMin && nacks >= rules.quorums.nackPrepare) break;
    if (header === null || copies === 0) {
      return { outcome: votes.length < rules.replicaCount ? "awaiting_repair" : "complete_invalid", op };
    }
    headers.unshift(header);
  }
  assertChained(headers);
  return { outcome: "complete_valid", opMin, headers };
}

/** The votes of those that hold the newest log: theirs is the log to go on with. */
export function canonicalVotes(votes: readonly JoinViewVote[]): JoinViewVote[] {
  const logView = Math.max(...votes.map((vote) => vote.logView));
  return votes.filter((vote) => vote.logView === logView);
}

/** The highest op that is committed for certain: what any voter executed, or knew to be committed, or had a pipeline behind it. */
function committedFor(votes: readonly JoinViewVote[], pipelinePrepareQueueMax: number): number {
  return Math.max(
    0,
    ...votes.flatMap(({ op, commitMin, headers }) => {
      const newest = headers[0];
      const oldest = headers.at(-1);
      assert(newest !== undefined && oldest !== undefined, "a vote has headers");
      return [oldest.op, op - pipelinePrepareQueueMax, commitMin, newest.commit];
    }),
  );
}

/** The header of the op in the newest log. Those who hold it do not disagree. */
function canonicalHeader(canonical: readonly JoinViewVote[], op: number): PrepareHeader | null {
  for (const vote of canonical) {
    const entry = entryOf(vote, op);
    if (entry !== null) return entry;
  }
  return null;
}

/** How many can show the prepare of the op in the newest log, and how many never had it. */
function countVotes(
  votes: readonly JoinViewVote[],
  op: number,
  header: PrepareHeader | null,
): { readonly copies: number; readonly nacks: number } {
  let copies = 0;
  let nacks = 0;
  for (const vote of votes) {
    if (shows(vote, op, header)) copies += 1;
    if (denies(vote, op, header)) nacks += 1;
  }
  return { copies, nacks };
}

function shows(vote: JoinViewVote, op: number, header: PrepareHeader | null): boolean {
  const entry = entryOf(vote, op);
  if (entry === null || header === null || entry.checksum !== header.checksum) return false;
  return bitOf(vote.present, vote, op);
}

/** A header that is not that of the newest log denies it, too: its replica cannot have held both. */
function denies(vote: JoinViewVote, op: number, header: PrepareHeader | null): boolean {
  const listed = op <= vote.op && op > vote.op - vote.headers.length;
  if (!listed || bitOf(vote.nack, vote, op)) return true;
  const entry = entryOf(vote, op);
  // A blank that is not denied says nothing: damage may hide what was there.
  return entry !== null && entry.checksum !== header?.checksum;
}

function assertVotes(votes: readonly JoinViewVote[], { replicaCount }: JoinViewQuorumRules): void {
  for (const [index, vote] of votes.entries()) {
    assert(vote.replica < replicaCount, () => `replica ${vote.replica} of ${replicaCount} votes`);
    for (const other of votes.slice(index + 1)) {
      assert(vote.replica !== other.replica, () => `replica ${vote.replica} votes twice`);
      const reason = joinViewVotesContradict(vote, other);
      assert(reason === null, () => `replicas ${vote.replica} and ${other.replica} contradict: ${reason ?? ""}`);
    }
  }
}

function assertChained(headers: readonly PrepareHeader[]): void {
  assert(headers.length > 0, "a log has a head");
  for (const [index, header] of headers.entries()) {
    const parent = headers[index + 1];
    assert(parent === undefined || parent.op + 1 === header.op, () => `a gap below op ${header.op}`);
    assert(parent === undefined || parent.checksum === header.parent, () => `op ${header.op} is not chained`);
  }
}
