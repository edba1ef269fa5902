/**
 * A recorded cluster's messages, made again from what their senders knew.
 *
 * @module
 */
import {
  Checksums,
  Command,
  commandName,
  CommitHeader,
  evaluateJoinViewQuorum,
  GetHeadersHeader,
  Header,
  HEADER_SIZE_BYTES,
  HeadersHeader,
  initHeader,
  initPrepareOk,
  joinViewBits,
  JoinViewHeader,
  joinViewHeaders,
  type JoinViewValues,
  type JoinViewVote,
  joinViewVote,
  joinViewVoteInvalid,
  prepareMax,
  checkpointAfter,
  PingHeader,
  PrepareOkHeader,
  type PreparesHeld,
  PRODUCTION,
  quorums,
  type RecordView,
  viewBodySizeBytes,
  CHECKPOINT_STATE_SIZE_BYTES,
  ViewHeader,
  viewHeadersOfLog,
  viewMessageInvalid,
  writeJoinView,
  writeView,
} from "@stagbeetle/vsr-protocol";

import { ClusterHistory, type ReplicaHistory } from "./cluster-history.ts";
import { describeMessageDifference } from "./difference.ts";

const checksums = new Checksums();
const { pipelinePrepareQueueMax } = PRODUCTION.cluster;

/** Makes a message: the frame and the checksums are the same for all of them. */
function built(
  command: Command,
  recorded: Header,
  bodySizeBytes: number,
  fill: (bytes: Uint8Array) => void,
): Uint8Array {
  const bytes = new Uint8Array(HEADER_SIZE_BYTES + bodySizeBytes);
  const header = new Header(bytes);
  initHeader(header, command, recorded.cluster);
  header.size = bytes.length;
  header.view = recorded.view;
  header.replica = recorded.replica;
  fill(bytes);
  checksums.setBody(header, bytes.subarray(HEADER_SIZE_BYTES));
  checksums.set(header);
  return bytes;
}

/** What a replica that leaves a view promises to the next one. */
type LogPromise = Pick<JoinViewValues, "logView" | "headers" | "present" | "nack">;

function promise(log: ReplicaHistory): LogPromise {
  const headers = joinViewHeaders({
    journal: log,
    op: log.op,
    commitMax: log.commitMax,
    viewHeaders: log.viewHeaders,
    primaryRepairing: false,
    pipelinePrepareQueueMax,
  });
  // Nothing was damaged in the recordings, and what is promised was written.
  const journal: PreparesHeld["journal"] = {
    headerWithOp: (op) => log.headerWithOp(op),
    hasDirty: () => false,
    hasFaulty: () => false,
    holdsPrepare: (op, checksum) => log.headerWithOp(op)?.checksum === checksum,
    writing: () => "none",
  };
  return { logView: log.logView, headers, ...joinViewBits(headers, { journal, inPipeline: () => false }) };
}

/** Compares what a recorded cluster said with what ours would have. */
export class ViewChangeReplay {
  readonly #history: ClusterHistory;
  readonly #replicaCount: number;
  /** Votes as they reached the primary of a view, by view and replica. */
  readonly #votes = new Map<number, Map<number, JoinViewVote>>();
  /** The views that a `view` was seen of. */
  readonly #started = new Set<number>();
  /** What each replica promised to each view: from then on it never changes. */
  readonly #promises = new Map<string, LogPromise>();
  /** The latest `get_headers` on a connection, by who asked. */
  readonly #questions = new Map<string, Uint8Array>();
  /** The checkpoint's id by its op, as anyone named it first. */
  readonly #checkpointIds = new Map<number, bigint>();
  readonly #counts = new Map<string, number>();

  constructor(replicaCount: number, cluster: bigint) {
    this.#replicaCount = replicaCount;
    this.#history = new ClusterHistory(replicaCount, cluster);
  }

  /** What was done to a replica's process. */
  mark(kind: "kill" | "restart", replica: number): void {
    if (kind === "kill") this.#history.replica(replica).kill();
    else this.#history.replica(replica).restart();
  }

  /** The first difference, or null. */
  check(from: number, to: number, connection: number, frame: Uint8Array): string | null {
    const { command } = new Header(frame);
    const problem = this.#checkCommand(command, from, to, connection, frame);
    this.#history.note(from, to, frame);
    return problem === null ? null : `${commandName(command)} of replica ${from}: ${problem}`;
  }

  /** What was compared. */
  describe(): string {
    return [...this.#counts].map(([name, count]) => `${count} ${name}`).join(", ");
  }

  #count(name: string): void {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1);
  }

  #checkCommand(command: number, from: number, to: number, connection: number, frame: Uint8Array): string | null {
    switch (command) {
      case Command.ping: {
        const { checkpointOp, checkpointId } = new PingHeader(frame);
        return this.#checkCheckpoint(checkpointOp, checkpointId);
      }
      case Command.commit: {
        const { checkpointOp, checkpointId } = new CommitHeader(frame);
        return this.#checkCheckpoint(checkpointOp, checkpointId);
      }
      case Command.prepareOk:
        return this.#checkPrepareOk(frame);
      case Command.getHeaders:
        this.#questions.set(`${connection} ${from}`, frame);
        return null;
      case Command.headers:
        return this.#checkHeaders(this.#questions.get(`${connection} ${to}`), frame);
      case Command.joinView:
        return this.#checkJoinView(to, frame);
      case Command.view:
        return this.#checkView(frame);
      default:
        return null;
    }
  }

  /** All replicas reach the same checkpoint, and the one in a `view` is it. */
  #checkCheckpoint(op: number, id: bigint): string | null {
    const known = this.#checkpointIds.get(op) ?? id;
    this.#checkpointIds.set(op, known);
    return known === id ? null : `checkpoint ${op} has id ${id.toString(16)}, and ${known.toString(16)} elsewhere`;
  }

  /** All but commit_min, which tells how fast its sender is, is a function of the prepare. */
  #checkPrepareOk(frame: Uint8Array): string | null {
    const recorded = new PrepareOkHeader(frame);
    const prepare = this.#history.prepare(recorded.prepareChecksum);
    if (prepare === null) return `the prepare of op ${recorded.op} was not seen`;
    const ours = new Uint8Array(HEADER_SIZE_BYTES);
    const { view, replica, commitMin } = recorded;
    const { checkpointId } = prepare;
    initPrepareOk(new PrepareOkHeader(ours), prepare, { view, replica, checkpointId, commitMin }, checksums);
    this.#count("prepare_ok");
    return describeMessageDifference(PrepareOkHeader, ours, frame);
  }

  /** All that its sender's log has of what was asked for, the highest op first. */
  #checkHeaders(question: Uint8Array | undefined, frame: Uint8Array): string | null {
    if (question === undefined) return "nobody asked for them";
    const { opMin, opMax } = new GetHeadersHeader(question);
    const recorded = new HeadersHeader(frame);
    const log = this.#history.replica(recorded.replica);
    const headers: RecordView[] = [];
    for (let op = opMax; op >= opMin && headers.length < PRODUCTION.derived.getHeadersMax; op -= 1) {
      const header = log.headerWithOp(op);
      if (header !== null) headers.push(header);
    }
    const ours = built(Command.headers, recorded, headers.length * HEADER_SIZE_BYTES, (bytes) => {
      for (const [index, { buffer, offset }] of headers.entries()) {
        bytes.set(buffer.subarray(offset, offset + HEADER_SIZE_BYTES), (1 + index) * HEADER_SIZE_BYTES);
      }
    });
    this.#count("headers");
    return describeMessageDifference(HeadersHeader, ours, frame);
  }

  /** Its sender's promise. How much it executed, and its checkpoint, are its own affair. */
  #checkJoinView(to: number, frame: Uint8Array): string | null {
    const recorded = new JoinViewHeader(frame);
    const vote = joinViewVote(recorded, frame.subarray(HEADER_SIZE_BYTES));
    const invalid = joinViewVoteInvalid(PRODUCTION, vote, recorded.view);
    if (invalid !== null) return invalid;
    const ours = this.#joinView(recorded);
    if (to === recorded.view % this.#replicaCount) this.#vote(recorded.view, vote);
    this.#count("join_view");
    return describeMessageDifference(JoinViewHeader, ours, frame);
  }

  #joinView(recorded: JoinViewHeader): Uint8Array {
    const { replica, view, commitMin, checkpointOp } = recorded;
    const key = `${replica} ${view}`;
    const promised = this.#promises.get(key) ?? promise(this.#history.replica(replica));
    this.#promises.set(key, promised);
    return built(Command.joinView, recorded, promised.headers.length * HEADER_SIZE_BYTES, (bytes) =>
      writeJoinView(new JoinViewHeader(bytes), bytes.subarray(HEADER_SIZE_BYTES), {
        ...promised,
        commitMin,
        checkpointOp,
      }),
    );
  }

  #vote(view: number, vote: JoinViewVote): void {
    const votes = this.#votes.get(view) ?? new Map<number, JoinViewVote>();
    votes.set(vote.replica, vote);
    this.#votes.set(view, votes);
  }

  /** The log of the view. The first one of a view is what the votes chose. */
  #checkView(frame: Uint8Array): string | null {
    const recorded = new ViewHeader(frame);
    const body = frame.subarray(HEADER_SIZE_BYTES, recorded.size);
    const invalid = viewMessageInvalid(PRODUCTION, recorded, body, this.#replicaCount);
    if (invalid !== null) return invalid;
    const chosen = this.#started.has(recorded.view) ? null : this.#checkChoice(recorded);
    this.#started.add(recorded.view);
    if (chosen !== null) return chosen;
    const checkpointId = checksums.of(body.subarray(0, CHECKPOINT_STATE_SIZE_BYTES));
    const other = this.#checkCheckpoint(recorded.checkpointOp, checkpointId);
    if (other !== null) return other;
    this.#count("view");
    return describeMessageDifference(ViewHeader, this.#view(recorded, body), frame);
  }

  #view(recorded: ViewHeader, body: Uint8Array): Uint8Array {
    const { nonce, op, commitMax, checkpointOp } = recorded;
    const opPrepareMax = prepareMax(PRODUCTION, checkpointAfter(PRODUCTION, checkpointOp)) ?? 0;
    const headers = viewHeadersOfLog(PRODUCTION, this.#history.replica(recorded.replica), { opMax: op, opPrepareMax });
    const checkpoint = body.subarray(0, CHECKPOINT_STATE_SIZE_BYTES);
    return built(Command.view, recorded, viewBodySizeBytes(headers.length), (bytes) =>
      writeView(new ViewHeader(bytes), bytes.subarray(HEADER_SIZE_BYTES), {
        nonce,
        op,
        commitMax,
        checkpointOp,
        checkpoint,
        headers,
      }),
    );
  }

  /** A primary's own vote reaches it without the network: it is made from what the primary knew. */
  #checkChoice(recorded: ViewHeader): string | null {
    const { view, replica, op, commitMax } = recorded;
    const votes = this.#votes.get(view) ?? new Map<number, JoinViewVote>();
    if (!votes.has(replica)) votes.set(replica, this.#ownVote(recorded));
    const quorum = evaluateJoinViewQuorum([...votes.values()], {
      replicaCount: this.#replicaCount,
      quorums: quorums(this.#replicaCount, PRODUCTION.cluster.quorumReplicationMax),
      pipelinePrepareQueueMax,
    });
    if (quorum.outcome !== "complete_valid") return `view ${view} began with ${votes.size} votes: ${quorum.outcome}`;
    const head = quorum.headers[0]?.op;
    const committed = Math.max(quorum.opMin, this.#history.replica(replica).commitMax);
    this.#count("logs of a view by their votes");
    return head === op && committed === commitMax
      ? null
      : `the votes choose head ${head}, commit_max ${committed}; recorded ${op}, ${commitMax}`;
  }

  #ownVote(recorded: ViewHeader): JoinViewVote {
    const header = new JoinViewHeader(new Uint8Array(HEADER_SIZE_BYTES));
    header.view = recorded.view;
    header.replica = recorded.replica;
    header.checkpointOp = recorded.checkpointOp;
    header.commitMin = recorded.checkpointOp;
    const frame = this.#joinView(header);
    return joinViewVote(new JoinViewHeader(frame), frame.subarray(HEADER_SIZE_BYTES));
  }
}
