/**
 * Which requests enter the log (spec 03 §12.1, §12.4 to §12.6; spec 01 §9.4, §9.5).
 *
 * The rules are data, in the order of the specification; the first one with a verdict ends the matter. The order is part
 * of the protocol: it decides which of several faults a client hears of.
 *
 * @module
 */
import { invalidRegisterRequest, REGISTER_REQUEST_SIZE_BYTES, RegisterRequest } from "../body/register.ts";
import { invalidUpgradeRequest, UpgradeRequest } from "../body/upgrade-request.ts";
import type { ClientSession } from "../clients/sessions.ts";
import { EvictionReason } from "../eviction.ts";
import type { Message } from "../message/message.ts";
import { PREPARE_TIMESTAMP_MAX, PrepareHeader } from "../message/prepare.ts";
import { RequestHeader } from "../message/request.ts";
import { HEADER_SIZE_BYTES } from "../message/frame.ts";
import { Operation } from "../operation.ts";
import type { LogLevel } from "../ports/logger.ts";
import type { Release } from "../release.ts";
import { inputValid, operationKnown, type StateMachineOperations } from "./executable.ts";
import { type Pipeline, QueuedPrepare } from "./pipeline.ts";

/** What becomes of a request. A client that is evicted has to start over; one whose request is dropped tries again. */
export type Verdict =
  | { readonly kind: "accept" }
  | { readonly kind: "drop"; readonly because: string; readonly level: LogLevel }
  | { readonly kind: "evict"; readonly reason: EvictionReason; readonly because: string }
  | { readonly kind: "resend" }
  /** A backup passes it on to the primary. */
  | { readonly kind: "forward" };

/** All that the rules may look at. */
export interface AdmissionFacts {
  readonly release: number;
  readonly releaseClientMin: number;
  /** The largest request, header included, in bytes. */
  readonly requestSizeLimit: number;
  readonly aofRecovery: boolean;
  /** Whether this node follows without a vote. */
  readonly standby: boolean;
  /** Whether the status is normal. */
  readonly normal: boolean;
  /** Whether this replica follows another one. */
  readonly backup: boolean;
  readonly view: number;
  /** Whether the view is still being made durable. */
  readonly viewUpdating: boolean;
  /** The release that the cluster is moving to, or null. */
  readonly upgradeRelease: Release | null;
  /** Whether the cluster agrees on the time. */
  readonly clockSynchronized: boolean;
  /** Whether the log can take one more op beyond those in the pipeline. */
  readonly logHasRoom: boolean;
  readonly pipeline: Pipeline;
  readonly stateMachine: StateMachineOperations;
  session(client: bigint): ClientSession | null;
}

/** One row of the table. */
export interface AdmissionRule {
  /** The row of spec 03 §12.1. */
  readonly row: number;
  readonly name: string;
  /** The verdict, or null if the rule has nothing against the request. */
  readonly judge: (request: RequestHeader, facts: AdmissionFacts, message: Message) => Verdict | null;
}

const ACCEPT: Verdict = { kind: "accept" };
const RESEND: Verdict = { kind: "resend" };
const FORWARD: Verdict = { kind: "forward" };

/** The one reason that concerns the operator, not the client. */
export const LOG_FULL: Verdict & { readonly kind: "drop" } = {
  kind: "drop",
  because: "the log is full",
  level: "debug",
};

/** The one reason for which another primary may be better. */
export const CLOCK_UNSYNCHRONIZED: Verdict & { readonly kind: "drop" } = {
  kind: "drop",
  because: "the clock is not synchronized",
  level: "warn",
};

/** The rules in their order. */
export const ADMISSION_RULES: readonly AdmissionRule[] = [
  {
    row: 1,
    name: "standby",
    judge: (_, facts) => (facts.standby ? drop("a standby takes no requests") : null),
  },
  {
    row: 2,
    name: "status",
    judge: (_, facts) => (facts.normal ? null : drop("the status is not normal")),
  },
  {
    row: 3,
    name: "view",
    judge: (request, facts) => (request.view > facts.view ? drop("the client knows a newer view", "warn") : null),
  },
  {
    row: 4,
    name: "backup",
    judge: (request, facts) => (facts.backup ? judgeAsBackup(request, facts) : null),
  },
  {
    row: 5,
    name: "release too low",
    judge: (request, facts) =>
      request.release < facts.releaseClientMin ? evict(EvictionReason.clientReleaseTooLow, "release too low") : null,
  },
  {
    row: 6,
    name: "release too high",
    judge: (request, facts) =>
      request.release > facts.release ? evict(EvictionReason.clientReleaseTooHigh, "release too high") : null,
  },
  {
    row: 7,
    name: "size",
    judge: (request, facts) =>
      request.size > facts.requestSizeLimit
        ? evict(EvictionReason.invalidRequestBodySize, "larger than the request size limit")
        : null,
  },
  {
    row: 8,
    name: "operation",
    judge: (request, facts) =>
      operationKnown(request.operation, facts.stateMachine)
        ? null
        : evict(EvictionReason.invalidRequestOperation, `no operation ${request.operation}`),
  },
  {
    row: 9,
    name: "body",
    judge: (request, facts, message) =>
      inputValid(request.operation, message.body(), facts.stateMachine)
        ? null
        : evict(EvictionReason.invalidRequestBody, "invalid body"),
  },
  { row: 10, name: "register body", judge: judgeRegisterBody },
  {
    row: 11,
    name: "view durable",
    judge: (_, facts) => (facts.viewUpdating ? drop("the view is being made durable") : null),
  },
  {
    row: 12,
    name: "upgrade",
    judge: judgeUpgrade,
  },
  { row: 13, name: "session", judge: judgeSession },
  { row: 14, name: "pipeline", judge: judgePipeline },
  {
    row: 14,
    name: "room in the log",
    judge: (_, facts) => (facts.logHasRoom ? null : LOG_FULL),
  },
  {
    row: 15,
    name: "timestamp",
    judge: (request, facts) => {
      if (facts.aofRecovery) {
        if (request.timestamp > PREPARE_TIMESTAMP_MAX) return drop("a timestamp above 2^63 - 1", "warn");
        if (request.timestamp !== 0n) return null;
        return drop("no timestamp: if the recovery is done, restart without --aof-recovery", "warn");
      }
      return request.timestamp === 0n ? null : drop("a timestamp: this is no AOF recovery", "warn");
    },
  },
  {
    row: 16,
    name: "clock",
    judge: (request, facts) => (request.client !== 0n && !facts.clockSynchronized ? CLOCK_UNSYNCHRONIZED : null),
  },
];

/** Judges a request whose header is valid. */
export function admit(request: RequestHeader, facts: AdmissionFacts, message: Message): Verdict {
  for (const rule of ADMISSION_RULES) {
    const verdict = rule.judge(request, facts, message);
    if (verdict !== null) return verdict;
  }
  return ACCEPT;
}

/**
 * Spec 03 §12.2. A backup never evicts, and passes on only what is certainly new: else every retry of a client would come
 * to the primary several times.
 */
function judgeAsBackup(request: RequestHeader, facts: AdmissionFacts): Verdict {
  const session = facts.session(request.client);
  if (session === null) {
    return request.operation === Operation.register ? FORWARD : drop("backup: the client is unknown");
  }
  const latest = session.header;
  if (request.request > latest.request) return FORWARD;
  if (request.request < latest.request) return drop("backup: older request");
  return request.checksum === latest.requestChecksum ? RESEND : drop("backup: two requests with one number", "error");
}

/** Spec 03 §12.4. The last bar before a checkpoint that upgrades has nothing but upgrades. */
function judgeUpgrade(request: RequestHeader, facts: AdmissionFacts, message: Message): Verdict | null {
  const { upgradeRelease, pipeline } = facts;
  if (request.operation !== Operation.upgrade) {
    const upgrading = upgradeRelease !== null || pipeline.containsOperation(Operation.upgrade);
    return upgrading ? drop("the cluster is being upgraded") : null;
  }
  const body = new UpgradeRequest(message.body());
  // Only a replay of an AOF brings one from outside.
  const invalid = invalidUpgradeRequest(body);
  if (invalid !== null) return drop(`upgrade: ${invalid}`, "warn");
  if (body.release <= facts.release) return drop("upgrade: not to a newer release", "warn");
  return upgradeRelease === null || upgradeRelease === body.release
    ? null
    : drop("upgrade: to another release", "warn");
}

function judgeRegisterBody(request: RequestHeader, _: AdmissionFacts, message: Message): Verdict | null {
  if (request.operation !== Operation.register) return null;
  if (request.size !== HEADER_SIZE_BYTES + REGISTER_REQUEST_SIZE_BYTES) {
    return evict(EvictionReason.invalidRequestBodySize, "register without a body");
  }
  // The reference aborts here (spec 01 §16.2).
  const invalid = invalidRegisterRequest(new RegisterRequest(message.body()));
  return invalid === null ? null : drop(`register: ${invalid}`, "warn");
}

/** Spec 03 §12.5. */
function judgeSession(request: RequestHeader, facts: AdmissionFacts): Verdict | null {
  const session = facts.session(request.client);
  if (session !== null) return judgeKnownClient(request, session, facts);
  if (request.operation === Operation.register) return null;
  if (facts.pipeline.newestOfClient(request.client) !== null)
    return drop("waiting for the client's register, or a pulse");
  return request.client === 0n ? null : evict(EvictionReason.noSession, "on_request: no session");
}

function judgeKnownClient(
  request: RequestHeader,
  { session, header: latest }: ClientSession,
  { pipeline }: AdmissionFacts,
): Verdict | null {
  if (request.operation !== Operation.register) {
    if (session > request.session) return evict(EvictionReason.sessionTooLow, "on_request: ignoring older session");
    if (session < request.session) return drop("newer session: a bug of the client", "error");
  }
  if (latest.release !== request.release)
    return evict(EvictionReason.sessionReleaseMismatch, "another release in the session");
  if (latest.request > request.request) return drop("older request");
  if (latest.request === request.request) {
    return latest.requestChecksum === request.checksum
      ? RESEND
      : drop("two requests with one number: a bug of the client", "error");
  }
  if (latest.request + 1 < request.request) {
    // An older primary may have answered what this one has not executed yet.
    const waiting = pipeline.newestOfClient(request.client) !== null;
    return waiting ? drop("an earlier request is on its way") : drop("newer request: a bug of the client", "error");
  }
  return latest.context === request.parent ? null : drop("not the successor of the latest reply", "error");
}

/** Spec 03 §12.6. */
function judgePipeline(request: RequestHeader, facts: AdmissionFacts): Verdict | null {
  const queued = facts.pipeline.newestOfClient(request.client);
  if (queued !== null) {
    const checksum =
      queued instanceof QueuedPrepare
        ? queued.message.as(PrepareHeader).requestChecksum
        : queued.message.as(RequestHeader).checksum;
    return checksum === request.checksum ? drop("already on its way") : drop("client forked", "warn");
  }
  return facts.pipeline.full ? drop("the pipeline is full") : null;
}

function drop(because: string, level: LogLevel = "debug"): Verdict {
  return { kind: "drop", because, level };
}

function evict(reason: EvictionReason, because: string): Verdict {
  return { kind: "evict", reason, because };
}
