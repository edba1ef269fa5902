/**
 * Joining a view and, as its primary, choosing its log from those of who joined: `join_view` (spec 03 §18.3 to §18.7).
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import { durable } from "../../checkpoint.ts";
import { Command } from "../../command.ts";
import type { Config } from "../../config/config.ts";
import { HEADER_SIZE_BYTES } from "../../message/frame.ts";
import { JoinViewHeader, writeJoinView } from "../../message/join-view.ts";
import type { Message } from "../../message/message.ts";
import type { PrepareHeader } from "../../message/prepare.ts";
import { isBlankPrepare } from "../../message/special-prepares.ts";
import type { Journal } from "../../ports/journal.ts";
import type { Logger } from "../../ports/logger.ts";
import type { StateMachine } from "../../ports/state-machine.ts";
import type { Quorums } from "../../quorums.ts";
import type { Timeout } from "../../timeout.ts";
import type { CheckpointWindow } from "../checkpoint-window.ts";
import type { Identity } from "../identity.ts";
import type { LogPosition } from "../log-position.ts";
import type { MessageBuilder } from "../message-builder.ts";
import type { Outbox } from "../outbox.ts";
import type { Pipeline } from "../pipeline.ts";
import type { Status } from "../status.ts";
import type { Timeouts } from "../timeouts.ts";
import type { DurableView } from "../view-durable.ts";
import { joinViewBits } from "./join-view-headers.ts";
import { canonicalVotes, evaluateJoinViewQuorum } from "./join-view-quorum.ts";
import { type JoinViewVote, joinViewVoteInvalid, joinViewVotesContradict } from "./join-view-vote.ts";
import { installHead } from "./log-head.ts";
import type { Transitions } from "./transitions.ts";
import { type JoinViewVotes, voteOf } from "./votes.ts";

/** How headers that others vouch for enter the log (spec 03 §18.7, §20.4). */
export interface LogHeaders {
  /** Why the header cannot be that of an op of the log, or null. */
  foreign(header: PrepareHeader): string | null;
  /** Puts a trusted header into the log. Its prepare is fetched later. */
  replaceHeader(header: PrepareHeader): void;
  /** Puts a header into the log if the hash chain proves that it belongs there. */
  repairHeader(header: PrepareHeader): boolean;
  /** Fetches what is missing, and goes on with what waits for it. */
  repair(): void;
}

/** What a view is joined with. */
export interface JoinViewOptions {
  readonly config: Config;
  readonly identity: Pick<Identity, "replica" | "replicaCount" | "standby" | "solo" | "primaryOf" | "primaryIndex">;
  readonly status: Pick<Status, "current">;
  readonly view: DurableView;
  readonly log: LogPosition;
  readonly window: Pick<CheckpointWindow, "opCheckpoint" | "opCheckpointNext" | "opPrepareMax">;
  readonly journal: Journal;
  readonly pipeline: Pick<Pipeline, "find">;
  readonly stateMachine: Pick<StateMachine, "prepareTimestamp">;
  readonly quorums: () => Pick<Quorums, "viewChange" | "nackPrepare">;
  readonly votes: JoinViewVotes;
  readonly transitions: Pick<Transitions, "toViewChange">;
  readonly timeouts: Pick<Timeouts, "start">;
  readonly messages: Pick<MessageBuilder, "message">;
  readonly outbox: Pick<Outbox, "sendToOtherReplicas" | "sendToSelf" | "flushLoopback">;
  readonly journalRepair: LogHeaders;
  /** Whether a state sync is under way, in any of its stages. */
  readonly syncing: () => boolean;
  readonly logger: Logger;
}

/** Sends this replica's promise, and counts those of others. */
export class JoinView {
  readonly #options: JoinViewOptions;

  constructor(options: JoinViewOptions) {
    this.#options = options;
  }

  /**
   * Promises this replica's log to the view. For one view the headers never change; what is there of their prepares is looked
   * up anew each time. Until the promise is durable nobody but this replica itself gets it.
   */
  send(): void {
    const { identity, view, votes, outbox } = this.#options;
    if (identity.standby) return;
    const message = this.#build();
    outbox.sendToOtherReplicas(message);
    if (identity.primaryOf(view.view) && votes.of(identity.replica) === null) outbox.sendToSelf(message);
    message.release();
    outbox.flushLoopback();
  }

  /** `join_view_message` fired: the view has not started yet. */
  onTimeout(timeout: Timeout): void {
    const { status, votes } = this.#options;
    assert(status.current === "view_change", () => `in status ${status.current}`);
    timeout.reset();
    if (!votes.quorum) this.send();
  }

  /** Takes the promise of a replica, this one included. A newer view was joined before. */
  onJoinView(message: Message): void {
    const { votes, logger } = this.#options;
    const { header } = message;
    const because = this.#ignored(message);
    if (because !== null) {
      return logger.log("debug", `on_join_view: ignoring (${because})`, { replica: header.replica, view: header.view });
    }
    const refused = this.#refused(message);
    if (refused !== null) {
      return logger.log("error", `on_join_view: dropped: ${refused}`, { replica: header.replica, view: header.view });
    }
    if (!this.#newer(message)) return;
    votes.put(message);
    this.#evaluate();
  }

  #build(): Message {
    const { view, log, window, journal, pipeline, votes, status, messages } = this.#options;
    const { headers } = view;
    const newest = headers[0];
    assert(status.current === "view_change" && view.logView < view.view, () => `in status ${status.current}`);
    assert(!votes.quorum, "the view has its log");
    assert(view.headersKind === "joinView" && newest !== undefined, "a view is joined with a promise");
    assert(newest.op >= log.op, () => `the promise ends with op ${newest.op}, the log with ${log.op}`);
    const inPipeline = (op: number, checksum: bigint): boolean => pipeline.find(op, checksum) !== null;
    const bodySizeBytes = headers.length * HEADER_SIZE_BYTES;
    const values = {
      logView: view.logView,
      commitMin: log.commitMin,
      checkpointOp: window.opCheckpoint,
      headers,
      ...joinViewBits(headers, { journal, inPipeline }),
    };
    return messages.message(JoinViewHeader, Command.joinView, view.view, bodySizeBytes, (header, body) =>
      writeJoinView(header, body, values),
    );
  }

  #ignored(message: Message): string | null {
    const { identity, status, view, votes, syncing } = this.#options;
    const { header } = message;
    if (header.view < view.view) return "older view";
    if (identity.standby) return "standby";
    if (header.replica >= identity.replicaCount) return "of a standby";
    if (status.current !== "view_change") return status.current;
    if (header.view > view.view) return "newer view";
    if (votes.quorum) return "quorum received already";
    if (!identity.primaryOf(view.view)) return "backup";
    return syncing() ? "syncing" : null;
  }

  /** What no correct replica sends. */
  #refused(message: Message): string | null {
    const { config, view, votes } = this.#options;
    const vote = voteOf(message);
    const invalid = joinViewVoteInvalid(config, vote, view.view);
    if (invalid !== null) return invalid;
    const old = votes.of(vote.replica);
    if (old !== null) return samePromise(old, message) ? null : "a replica promises two logs to one view";
    for (const other of votes.all()) {
      const reason = joinViewVotesContradict(vote, other);
      if (reason !== null) return `it contradicts that of replica ${other.replica}: ${reason}`;
    }
    return null;
  }

  /** Whether the promise is the first of its replica, or one that tells of progress. */
  #newer(message: Message): boolean {
    const { votes, identity } = this.#options;
    const old = votes.of(message.header.replica);
    if (old === null) return true;
    if (message.header.replica === identity.replica) return false;
    const { checkpointOp, commitMin } = message.as(JoinViewHeader);
    const before = old.as(JoinViewHeader);
    return checkpointOp > before.checkpointOp || (checkpointOp === before.checkpointOp && commitMin > before.commitMin);
  }

  #evaluate(): void {
    const { config, identity, quorums, votes, view, logger } = this.#options;
    const all = votes.all();
    assert(identity.primaryOf(view.view), () => `the votes for view ${view.view} are counted by its primary`);
    assert(votes.of(identity.replica) !== null, () => `view ${view.view} is decided without the own vote`);
    const quorum = evaluateJoinViewQuorum(all, {
      replicaCount: identity.replicaCount,
      quorums: quorums(),
      pipelinePrepareQueueMax: config.cluster.pipelinePrepareQueueMax,
    });
    switch (quorum.outcome) {
      case "awaiting_quorum":
        return;
      case "awaiting_repair":
        logger.log("warn", "on_join_view: quorum received, awaiting repair", { view: view.view, op: quorum.op });
        return;
      case "complete_invalid":
        logger.log("error", "on_join_view: quorum received, deadlocked", { view: view.view, op: quorum.op });
        return;
      case "complete_valid":
        this.#onQuorum(all, quorum.opMin, quorum.headers);
    }
  }

  #onQuorum(votes: readonly JoinViewVote[], opMin: number, headers: readonly PrepareHeader[]): void {
    const { view, transitions, logger } = this.#options;
    const head = headers[0]?.op ?? 0;
    const forfeit = this.#forfeitTo(votes, opMin);
    if (forfeit !== null) {
      logger.log("info", "on_join_view: lagging primary; forfeiting", { view: view.view, to: forfeit });
      return transitions.toViewChange(forfeit);
    }
    const unfit = this.#unfit(votes, headers);
    if (unfit !== null) {
      const fields = { view: view.view, op: head };
      return logger.log(
        "error",
        `on_join_view: quorum received, but its log is not for this replica: ${unfit}`,
        fields,
      );
    }
    logger.log("info", "on_join_view: quorum received", { view: view.view, op: head });
    this.#install(votes, opMin, headers);
  }

  /** Why the log that the votes chose cannot become that of this replica, or null. Then one of the voters is not correct. */
  #unfit(votes: readonly JoinViewVote[], headers: readonly PrepareHeader[]): string | null {
    const { config, log, window, journalRepair } = this.#options;
    const head = headers[0]?.op ?? 0;
    const executed = Math.max(log.commitMin, ...votes.map(({ commitMin }) => commitMin));
    if (head < Math.max(executed, log.commitMax, window.opCheckpoint)) return "it lacks what is committed";
    if (head > window.opPrepareMax) return `its head ${head} is beyond ${window.opPrepareMax}`;
    // Ops beyond what fits were never acknowledged.
    const truncated = head < Math.min(log.op, window.opPrepareMax) ? log.op - head : 0;
    if (truncated > config.cluster.pipelinePrepareQueueMax) return `${truncated} ops would be truncated`;
    const trusted = [...headers, ...votes.flatMap(executedHeaders)];
    const reasons = trusted.map((header) => journalRepair.foreign(header));
    return reasons.find((reason) => reason !== null) ?? null;
  }

  /**
   * The view for which to give up this one, or null. A replica that lacks a durable checkpoint cannot lead: ops that it needs
   * may be gone from the others' logs. One that merely lags lets the others lead first, for one round: they may be unable to.
   */
  #forfeitTo(votes: readonly JoinViewVote[], opMin: number): number | null {
    const { config, identity, view, window, log } = this.#options;
    const checkpointMax = Math.max(...votes.map(({ checkpointOp }) => checkpointOp));
    const unable = durable(config, window.opCheckpointNext, Math.max(log.commitMax, opMin));
    const lagging = checkpointMax > window.opCheckpoint && view.view - view.logView < identity.replicaCount;
    if (!unable && !lagging) return null;
    for (let distance = 1; distance < identity.replicaCount; distance += 1) {
      const primary = identity.primaryIndex(view.view + distance);
      const vote = votes.find(({ replica }) => replica === primary);
      if (vote?.checkpointOp === checkpointMax) return view.view + distance;
    }
    assert(unable, "the replica with the newest checkpoint is another one");
    // Nobody who voted has the checkpoint. The next primary may know more.
    return view.view + 1;
  }

  /** The log of the view is chosen. It becomes this replica's, and is repaired before the view starts. */
  #install(votes: readonly JoinViewVote[], opMin: number, headers: readonly PrepareHeader[]): void {
    const { view, log, votes: joinViews, stateMachine, timeouts, journalRepair } = this.#options;
    joinViews.decide();
    this.#installLog(votes, opMin, headers);
    // From here on the journal is no longer that of the old log view. Should this attempt fail, others must be able to tell.
    view.raiseLogView();
    const head = headers[0];
    assert(head !== undefined && head.op === log.op, () => `head ${head?.op} of op ${log.op}`);
    assert(log.op >= log.commitMax, () => `head ${log.op}, commit_max ${log.commitMax}`);
    assert(stateMachine.prepareTimestamp >= head.timestamp, "new prepares come after the head");
    timeouts.start("journalRepair");
    journalRepair.repair();
  }

  #installLog(votes: readonly JoinViewVote[], opMin: number, headers: readonly PrepareHeader[]): void {
    const { config, log, window, journal, stateMachine, journalRepair } = this.#options;
    const head = headers[0]?.op ?? 0;
    const executed = Math.max(...votes.map(({ commitMin }) => commitMin));
    assert(head >= Math.max(window.opCheckpoint, log.commitMin, log.commitMax, executed), () => `head ${head}`);
    assert(head <= window.opPrepareMax, () => `head ${head} beyond ${window.opPrepareMax}`);
    // The timestamps of ops that are truncated must not be used again.
    for (const { headers: promised } of votes) {
      const newest = promised[0];
      if (newest !== undefined && newest.timestamp > stateMachine.prepareTimestamp) {
        stateMachine.prepareTimestamp = newest.timestamp;
      }
    }
    const { pipelinePrepareQueueMax } = config.cluster;
    installHead(head, opMin, { pipelinePrepareQueueMax, log, window, journal });
    for (const header of headers) journalRepair.replaceHeader(header);
    const canonical = new Set(canonicalVotes(votes));
    for (const vote of votes) {
      if (!canonical.has(vote)) this.#installOlder(vote);
    }
  }

  /** An older log knows what its replica executed; the rest of it is taken as far as it is chained to the chosen one. */
  #installOlder(vote: JoinViewVote): void {
    const { journalRepair } = this.#options;
    for (const header of executedHeaders(vote)) journalRepair.replaceHeader(header);
    for (const header of vote.headers) {
      if (!isBlankPrepare(header) && header.op > vote.commitMin) journalRepair.repairHeader(header);
    }
  }
}

/** The headers of ops that the voter executed: those are certainly the right ones. */
function executedHeaders({ headers, commitMin }: JoinViewVote): readonly PrepareHeader[] {
  return headers.filter((header) => !isBlankPrepare(header) && header.op <= commitMin);
}

/** Whether two messages of one replica promise the same log. */
function samePromise(one: Message, other: Message): boolean {
  const [before, now] = [one.as(JoinViewHeader), other.as(JoinViewHeader)];
  return before.op === now.op && before.logView === now.logView && before.checksumBody === now.checksumBody;
}
