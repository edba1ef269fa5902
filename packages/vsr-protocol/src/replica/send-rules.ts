/**
 * Which messages may leave this replica, in which state, to whom (spec 03 §10.4).
 *
 * A message that breaks its rule is a bug of this replica: others would act on a promise that nobody made.
 *
 * @module
 */
import { Command } from "../command.ts";
import { BlockHeader } from "../message/block.ts";
import { CommitHeader } from "../message/commit.ts";
import { EvictionHeader } from "../message/eviction.ts";
import { JoinViewHeader } from "../message/join-view.ts";
import type { Message } from "../message/message.ts";
import { PongClientHeader } from "../message/pong-client.ts";
import { PrepareOkHeader } from "../message/prepare-ok.ts";
import { PrepareHeader } from "../message/prepare.ts";
import { ReplyHeader } from "../message/reply.ts";
import { ViewHeader } from "../message/view.ts";
import type { Release } from "../release.ts";
import type { CheckpointWindow } from "./checkpoint-window.ts";
import type { Identity } from "./identity.ts";
import type { LogPosition } from "./log-position.ts";
import type { Roles } from "./roles.ts";
import type { Status } from "./status.ts";
import type { DurableView } from "./view-durable.ts";

/** What the rules look at. */
export interface SendFacts {
  readonly release: Release;
  readonly identity: Pick<Identity, "replica" | "standby" | "primaryIndex">;
  readonly status: Pick<Status, "current" | "normal">;
  readonly roles: Pick<Roles, "primary" | "ofPrimary">;
  readonly view: Pick<DurableView, "view" | "logView" | "logViewDurable">;
  readonly log: Pick<LogPosition, "op" | "commitMin" | "commitMax">;
  readonly window: Pick<CheckpointWindow, "opCheckpoint" | "opCheckpointNextTrigger">;
  /** Whether a state sync is under way, in any of its stages. */
  readonly syncing: () => boolean;
  /** Whether this replica, as the primary of a view to come, has its quorum of joined views. */
  readonly joinViewQuorum: () => boolean;
  /** The highest op that may be acknowledged (spec 03 §17.3). */
  readonly opPrepareOkMax: () => number;
}

/** Why the message must not go to the replica, or null. */
type ReplicaRule = (message: Message, destination: number, facts: SendFacts) => string | null;

/** Why the message must not go to a client, or null. */
type ClientRule = (message: Message, facts: SendFacts) => string | null;

const TO_REPLICA: ReadonlyMap<number, ReplicaRule> = new Map([
  [Command.ping, anyone],
  [Command.pong, anyone],
  [Command.request, (_: Message, __: number, facts: SendFacts) => voter(facts) ?? inNormal(facts)],
  [Command.prepare, prepareRule],
  [Command.prepareOk, prepareOkRule],
  [Command.reply, (message: Message, _: number, facts: SendFacts) => replyRule(message, facts)],
  [Command.commit, commitRule],
  [Command.exitView, exitViewRule],
  [Command.joinView, joinViewRule],
  [Command.view, viewRule],
  [Command.getView, getViewRule],
  [Command.headers, (message: Message, _: number, facts: SendFacts) => voter(facts) ?? ofOwnView(message, facts)],
  [Command.getHeaders, anyone],
  [Command.getPrepare, anyone],
  [Command.getReply, anyone],
  [Command.getBlocks, anyone],
  [Command.block, blockRule],
]);

const TO_CLIENT: ReadonlyMap<number, ClientRule> = new Map([
  [Command.reply, replyRule],
  [Command.eviction, evictionRule],
  [Command.pongClient, pongClientRule],
]);

/** Why the message must not be sent to the replica or standby `destination`, or null. */
export function sendToReplicaForbidden(message: Message, destination: number, facts: SendFacts): string | null {
  const rule = TO_REPLICA.get(message.header.command);
  return rule === undefined ? "it is not for replicas" : rule(message, destination, facts);
}

/** Why the message must not be sent to a client, or null. */
export function sendToClientForbidden(message: Message, facts: SendFacts): string | null {
  const rule = TO_CLIENT.get(message.header.command);
  return rule === undefined ? "it is not for clients" : rule(message, facts);
}

function anyone(_: Message, destination: number, facts: SendFacts): string | null {
  return destination === facts.identity.replica ? "it is for others" : null;
}

function prepareRule(message: Message, destination: number, facts: SendFacts): string | null {
  const prepare = message.as(PrepareHeader);
  const forbidden = anyone(message, destination, facts);
  if (forbidden !== null || prepare.replica !== facts.identity.replica) return forbidden;
  if (prepare.release > facts.release) return `release ${prepare.release} beyond the own`;
  return prepare.view > facts.view.view ? `view ${prepare.view} beyond the own` : null;
}

function prepareOkRule(message: Message, destination: number, facts: SendFacts): string | null {
  const { op } = message.as(PrepareOkHeader);
  const { identity, view, syncing, opPrepareOkMax } = facts;
  const forbidden = voter(facts) ?? inNormal(facts) ?? ofOwnView(message, facts);
  if (forbidden !== null) return forbidden;
  if (syncing()) return "a state sync is under way";
  if (op > opPrepareOkMax()) return `op ${op} beyond ${opPrepareOkMax()}`;
  return destination === identity.primaryIndex(view.view) ? null : "it is for the primary";
}

function replyRule(message: Message, facts: SendFacts): string | null {
  const reply = message.as(ReplyHeader);
  const { view, window, release } = facts;
  if (facts.identity.standby) return "a standby does not answer";
  if (reply.view > view.view) return `view ${reply.view} beyond the own`;
  if (reply.op > window.opCheckpointNextTrigger) return `op ${reply.op} before its checkpoint`;
  return reply.release > release ? `release ${reply.release} beyond the own` : null;
}

function commitRule(message: Message, destination: number, facts: SendFacts): string | null {
  const { commit } = message.as(CommitHeader);
  if (!facts.roles.primary) return "only the primary commits";
  if (facts.syncing()) return "a state sync is under way";
  if (commit > facts.log.commitMax) return `commit ${commit} beyond commit_max`;
  return anyone(message, destination, facts) ?? ofOwnView(message, facts);
}

function exitViewRule(message: Message, _: number, facts: SendFacts): string | null {
  const { current } = facts.status;
  const forbidden = voter(facts) ?? ofOwnView(message, facts);
  if (forbidden !== null) return forbidden;
  return current === "normal" || current === "view_change" ? null : `in status ${current}`;
}

function joinViewRule(message: Message, _: number, facts: SendFacts): string | null {
  const join = message.as(JoinViewHeader);
  const { status, view, log, window, joinViewQuorum } = facts;
  const forbidden = voter(facts) ?? ofOwnView(message, facts);
  if (forbidden !== null) return forbidden;
  if (status.current !== "view_change") return `in status ${status.current}`;
  if (view.view <= view.logView) return "the log is that of the view";
  if (joinViewQuorum()) return "the quorum is complete";
  if (join.op < log.op) return `op ${join.op} below the head ${log.op}`;
  const own = join.commitMin === log.commitMin && join.checkpointOp === window.opCheckpoint;
  return own && join.logView === view.logView ? null : "commit_min, checkpoint_op or log_view is not the own";
}

function viewRule(message: Message, destination: number, facts: SendFacts): string | null {
  const { current } = facts.status;
  const header = message.as(ViewHeader);
  const forbidden = voter(facts) ?? ofOwnView(message, facts) ?? anyone(message, destination, facts);
  if (forbidden !== null) return forbidden;
  if (current !== "normal" && current !== "view_change") return `in status ${current}`;
  if (!facts.roles.ofPrimary) return "only the primary starts a view";
  if (facts.syncing()) return "a state sync is under way";
  const own = header.commitMax === facts.log.commitMax && header.checkpointOp === facts.window.opCheckpoint;
  return own ? null : "commit_max or checkpoint_op is not the own";
}

function getViewRule(message: Message, destination: number, facts: SendFacts): string | null {
  const { view } = message.header;
  if (view < facts.view.view) return `of the older view ${view}`;
  const primary = facts.identity.primaryIndex(view);
  return destination === primary ? anyone(message, destination, facts) : `it is for the primary, ${primary}`;
}

function blockRule(message: Message, destination: number, facts: SendFacts): string | null {
  const { release } = message.as(BlockHeader);
  if (release > facts.release) return `release ${release} beyond the own`;
  return voter(facts) ?? anyone(message, destination, facts);
}

function evictionRule(message: Message, facts: SendFacts): string | null {
  const { view } = message.as(EvictionHeader);
  if (!facts.roles.primary) return "only the primary evicts";
  return view <= facts.view.logViewDurable ? null : `view ${view} is not durable`;
}

function pongClientRule(message: Message, facts: SendFacts): string | null {
  const { view, release } = message.as(PongClientHeader);
  if (facts.identity.standby) return "a standby does not answer";
  if (release !== facts.release) return `release ${release}`;
  return view <= facts.view.logViewDurable ? null : `view ${view} is not durable`;
}

function voter(facts: SendFacts): string | null {
  return facts.identity.standby ? "it is not for standbys to send" : null;
}

function inNormal(facts: SendFacts): string | null {
  return facts.status.normal ? null : `in status ${facts.status.current}`;
}

function ofOwnView(message: Message, facts: SendFacts): string | null {
  const { view } = message.header;
  return view === facts.view.view ? null : `of view ${view} in view ${facts.view.view}`;
}
