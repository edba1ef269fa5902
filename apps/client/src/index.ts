/**
 * A client of ledgers in pure TypeScript: the functions, types and errors of `tigerbeetle-node` 0.17.9, and beyond it deadlines,
 * signals, a state that explains itself, and sessions with other state machines.
 *
 * @packageDocumentation
 */

// What the official client has.
export { createClient } from "./create-client.ts";
export type { Client } from "./create-client.ts";
export type { ClientInitArgs } from "./client-init-args.ts";
export { id } from "./id.ts";
export { ErrorCodes, RequestError } from "./request-error.ts";
export {
  AccountFilterFlags,
  AccountFlags,
  CreateAccountStatus,
  CreateTransferStatus,
  Operation,
  QueryFilterFlags,
  TransferFlags,
} from "@stagbeetle/client/accounting";
export type {
  Account,
  AccountBalance,
  AccountFilter,
  AccountID,
  CreateAccountResult,
  CreateTransferResult,
  QueryFilter,
  Transfer,
  TransferID,
} from "@stagbeetle/client/accounting";
export { amount_max } from "./amount.ts";
export type { Context, Event, Result, ResultCallback } from "./official-types.ts";

// Beyond it.
export type { RequestOptions, StateListener } from "./cluster-session.ts";
export type { ClientState, ClientStatus } from "./client-state.ts";
export type { RequestErrorDetails } from "./request-error.ts";
export type { Execution, Finding, FindingCode, ReplicaReport } from "@stagbeetle/client";

// Sessions with other state machines.
export { ClusterSession } from "./cluster-session.ts";
export { rawOperation } from "@stagbeetle/client";
export type { OperationCodec, OperationEncoding } from "@stagbeetle/client";
