/**
 * A client of the replicated state machine: its session with the cluster, the calls that share it, and what to say when
 * nobody answers. Driven by ticks and messages; what travels in the calls of the ledger is in `@stagbeetle/client/accounting`.
 *
 * @packageDocumentation
 */

// One session, one request at a time.
export { Session } from "./session.ts";
export type { BodyWriter, Eviction, Reply, ReplyCallback, SessionOptions, SessionState } from "./session.ts";

// Operations with what goes in and what comes out.
export { TooMuchDataError } from "./codec.ts";
export type { OperationCodec } from "./codec.ts";

// One session, many callers.
export type { Call, CallCallback, CallFailure, CallOutcome, CallState, Execution } from "./call.ts";
export { rawOperation } from "./operation.ts";
export type { BodyLimits, OperationEncoding } from "./operation.ts";
export { SharedSession } from "./shared-session.ts";
export type { SharedSessionState, SubmitOptions } from "./shared-session.ts";

// Why there is no answer.
export { Diagnosis } from "./diagnosis/diagnosis.ts";
export type { DiagnosisOptions } from "./diagnosis/diagnosis.ts";
export type { Finding, FindingCode } from "./diagnosis/finding.ts";
export type { ReplicaReport } from "./diagnosis/replica-report.ts";
export { Probe } from "./probe.ts";
export type { ProbeOptions, ProbeRole } from "./probe.ts";
