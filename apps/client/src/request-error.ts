/**
 * Why a request has no result.
 */
import type { CallFailure, Execution, Finding } from "@stagbeetle/client";

/** The codes of the official client, and those of what it does not have. Each key is its own value. */
export const ErrorCodes = {
  /** The client was destroyed, or had been evicted before. */
  ERR_CLIENT_CLOSED: "ERR_CLIENT_CLOSED",
  /** The cluster ended the session. */
  ERR_CLIENT_EVICTED: "ERR_CLIENT_EVICTED",
  /** The cluster does not serve clients as old as this one any more. */
  ERR_CLIENT_RELEASE_TOO_LOW: "ERR_CLIENT_RELEASE_TOO_LOW",
  /** The cluster does not serve clients as new as this one yet. */
  ERR_CLIENT_RELEASE_TOO_HIGH: "ERR_CLIENT_RELEASE_TOO_HIGH",
  /** More events, or more results asked for, than fit into a message. */
  ERR_TOO_MUCH_DATA: "ERR_TOO_MUCH_DATA",
  /** The request's deadline has passed. */
  ERR_DEADLINE_EXCEEDED: "ERR_DEADLINE_EXCEEDED",
  /** The request's signal was aborted; `cause` is the signal's reason. */
  ERR_ABORTED: "ERR_ABORTED",
  /** The cluster's answer does not have the form that the operation prescribes. */
  ERR_INVALID_REPLY: "ERR_INVALID_REPLY",
} as const;
export type ErrorCodes = (typeof ErrorCodes)[keyof typeof ErrorCodes];

/** What else is known of a failure. */
export interface RequestErrorDetails {
  readonly execution?: Execution;
  readonly finding?: Finding | null;
  readonly cause?: unknown;
}

/**
 * The rejection of every request that the client could not bring to its result.
 *
 * `execution` says what became of it: `none`: it never left the client and never will. `unknown`: it was sent; it was, will be
 * or will never be executed, but not more than once. `done`: it was executed and its result cannot be read. Whoever repeats a
 * request whose execution is unknown, with the same ids, gets `exists` for what was created already.
 */
export class RequestError extends Error {
  readonly code: ErrorCodes;
  readonly execution: Execution;
  /** What keeps the cluster from answering, as far as the client can tell; null if nothing is known to. */
  readonly finding: Finding | null;

  constructor(code: ErrorCodes, { execution = "none", finding = null, cause }: RequestErrorDetails = {}) {
    super(messageOf(code, execution, finding), cause === undefined ? undefined : { cause });
    this.name = "RequestError";
    this.code = code;
    this.execution = execution;
    this.finding = finding;
  }

  /** What a code means, in one sentence. @throws Error for anything else. */
  static errorMessage(code: ErrorCodes): string {
    // Callers without types exist.
    const message = (MESSAGES as Readonly<Record<string, string | undefined>>)[code];
    if (message === undefined) throw new Error("Unknown error code.");
    return message;
  }
}

const MESSAGES: Readonly<Record<ErrorCodes, string>> = {
  ERR_CLIENT_CLOSED: "Client was closed.",
  ERR_CLIENT_EVICTED: "Client was evicted.",
  ERR_CLIENT_RELEASE_TOO_LOW: "Client was evicted: release too old.",
  ERR_CLIENT_RELEASE_TOO_HIGH: "Client was evicted: release too new.",
  ERR_TOO_MUCH_DATA: "Too much data was sent or requested in this batch.",
  ERR_DEADLINE_EXCEEDED: "The deadline of the request has passed.",
  ERR_ABORTED: "The request was aborted.",
  ERR_INVALID_REPLY: "The reply cannot be read.",
};

/** Where the caller has to decide what to do next. */
const EXECUTIONS: Readonly<Record<Execution, string>> = {
  none: "It was not sent and will not be executed.",
  unknown: "It was sent: it may have been executed, or be executed yet.",
  done: "It was executed.",
};

function messageOf(code: ErrorCodes, execution: Execution, finding: Finding | null): string {
  const sentences = [RequestError.errorMessage(code)];
  if (code === "ERR_DEADLINE_EXCEEDED" || code === "ERR_ABORTED" || code === "ERR_INVALID_REPLY") {
    sentences.push(EXECUTIONS[execution]);
  }
  if (finding !== null) sentences.push(`${finding.message}.`);
  return sentences.join(" ");
}

/** The code of a failure of the session, given why the cluster ended it, if it did. */
export function errorCodeOf(failure: CallFailure, finding: Finding | null): ErrorCodes {
  switch (failure) {
    case "too_much_data":
      return "ERR_TOO_MUCH_DATA";
    case "closed":
      return "ERR_CLIENT_CLOSED";
    case "deadline":
      return "ERR_DEADLINE_EXCEEDED";
    case "cancelled":
      return "ERR_ABORTED";
    case "invalid_reply":
      return "ERR_INVALID_REPLY";
    case "evicted":
      if (finding?.code === "release_too_old") return "ERR_CLIENT_RELEASE_TOO_LOW";
      return finding?.code === "release_too_new" ? "ERR_CLIENT_RELEASE_TOO_HIGH" : "ERR_CLIENT_EVICTED";
  }
}
