/**
 * The operations of the accounting state machine as data (spec 02 §4).
 *
 * @module
 */
import { Operation as ProtocolOperation } from "@stagbeetle/vsr-protocol";
import { ACCOUNT_SIZE_BYTES } from "./account.ts";
import { ACCOUNT_FILTER_SIZE_BYTES, CHANGE_EVENTS_FILTER_SIZE_BYTES, QUERY_FILTER_SIZE_BYTES } from "./filters.ts";
import {
  ACCOUNT_BALANCE_SIZE_BYTES,
  CHANGE_EVENT_SIZE_BYTES,
  CREATE_RESULT_SIZE_BYTES,
  CREATE_RESULT_SPARSE_SIZE_BYTES,
} from "./results.ts";
import { TRANSFER_SIZE_BYTES } from "./transfer.ts";

/** The operations by number: a u8, from 128 on. */
export const Operation = {
  /** What the header operation `pulse` (4) stands for: expiry. Sent by a client, it does the same. */
  pulse: 128,
  deprecated_create_accounts_unbatched: 129,
  deprecated_create_transfers_unbatched: 130,
  deprecated_lookup_accounts_unbatched: 131,
  deprecated_lookup_transfers_unbatched: 132,
  deprecated_get_account_transfers_unbatched: 133,
  deprecated_get_account_balances_unbatched: 134,
  deprecated_query_accounts_unbatched: 135,
  deprecated_query_transfers_unbatched: 136,
  get_change_events: 137,
  deprecated_create_accounts_sparse: 138,
  deprecated_create_transfers_sparse: 139,
  lookup_accounts: 140,
  lookup_transfers: 141,
  get_account_transfers: 142,
  get_account_balances: 143,
  query_accounts: 144,
  query_transfers: 145,
  create_accounts: 146,
  create_transfers: 147,
} as const;
export type Operation = (typeof Operation)[keyof typeof Operation];

/** What an operation does, whatever its encoding. */
export type OperationKind =
  | "pulse"
  | "create_accounts"
  | "create_transfers"
  | "lookup_accounts"
  | "lookup_transfers"
  | "get_account_transfers"
  | "get_account_balances"
  | "query_accounts"
  | "query_transfers"
  | "get_change_events";

/** How an operation is encoded. */
export interface OperationTraits {
  readonly operation: Operation;
  readonly name: keyof typeof Operation;
  readonly kind: OperationKind;
  /** The size of an event in bytes; 0 if there are none. */
  readonly eventSizeBytes: number;
  /** The size of a result in bytes; 0 if there are none. */
  readonly resultSizeBytes: number;
  /** Whether a batch has any number of events; if not, exactly one. */
  readonly batchable: boolean;
  /** Whether bodies and replies carry several batches (`MultiBatchDecoder`). */
  readonly multiBatch: boolean;
  /** Where in a query's filter the limit (u32) is; −1 for other operations. */
  readonly limitOffset: number;
}

const ID_SIZE_BYTES = 16;
const ACCOUNT_FILTER_LIMIT_OFFSET = 120;
const QUERY_FILTER_LIMIT_OFFSET = 56;
const CHANGE_EVENTS_FILTER_LIMIT_OFFSET = 16;

const [account, transfer, id] = [ACCOUNT_SIZE_BYTES, TRANSFER_SIZE_BYTES, ID_SIZE_BYTES];
const [accountFilter, queryFilter, changeEventsFilter] = [
  ACCOUNT_FILTER_SIZE_BYTES,
  QUERY_FILTER_SIZE_BYTES,
  CHANGE_EVENTS_FILTER_SIZE_BYTES,
];
const [dense, sparse, balance, changeEvent] = [
  CREATE_RESULT_SIZE_BYTES,
  CREATE_RESULT_SPARSE_SIZE_BYTES,
  ACCOUNT_BALANCE_SIZE_BYTES,
  CHANGE_EVENT_SIZE_BYTES,
];

type Row = readonly [
  keyof typeof Operation,
  OperationKind,
  event: number,
  result: number,
  "" | "batchable",
  "" | "multi-batch",
];

// oxfmt-ignore
const ROWS: readonly Row[] = [
  ["pulse",                                      "pulse",                 0,                  0,           "",          ""],
  ["deprecated_create_accounts_unbatched",       "create_accounts",       account,            sparse,      "batchable", ""],
  ["deprecated_create_transfers_unbatched",      "create_transfers",      transfer,           sparse,      "batchable", ""],
  ["deprecated_lookup_accounts_unbatched",       "lookup_accounts",       id,                 account,     "batchable", ""],
  ["deprecated_lookup_transfers_unbatched",      "lookup_transfers",      id,                 transfer,    "batchable", ""],
  ["deprecated_get_account_transfers_unbatched", "get_account_transfers", accountFilter,      transfer,    "",          ""],
  ["deprecated_get_account_balances_unbatched",  "get_account_balances",  accountFilter,      balance,     "",          ""],
  ["deprecated_query_accounts_unbatched",        "query_accounts",        queryFilter,        account,     "",          ""],
  ["deprecated_query_transfers_unbatched",       "query_transfers",       queryFilter,        transfer,    "",          ""],
  ["get_change_events",                          "get_change_events",     changeEventsFilter, changeEvent, "",          ""],
  ["deprecated_create_accounts_sparse",          "create_accounts",       account,            sparse,      "batchable", "multi-batch"],
  ["deprecated_create_transfers_sparse",         "create_transfers",      transfer,           sparse,      "batchable", "multi-batch"],
  ["lookup_accounts",                            "lookup_accounts",       id,                 account,     "batchable", "multi-batch"],
  ["lookup_transfers",                           "lookup_transfers",      id,                 transfer,    "batchable", "multi-batch"],
  ["get_account_transfers",                      "get_account_transfers", accountFilter,      transfer,    "",          "multi-batch"],
  ["get_account_balances",                       "get_account_balances",  accountFilter,      balance,     "",          "multi-batch"],
  ["query_accounts",                             "query_accounts",        queryFilter,        account,     "",          "multi-batch"],
  ["query_transfers",                            "query_transfers",       queryFilter,        transfer,    "",          "multi-batch"],
  ["create_accounts",                            "create_accounts",       account,            dense,       "batchable", "multi-batch"],
  ["create_transfers",                           "create_transfers",      transfer,           dense,       "batchable", "multi-batch"],
];

function limitOffsetOf(kind: OperationKind): number {
  switch (kind) {
    case "get_account_transfers":
    case "get_account_balances":
      return ACCOUNT_FILTER_LIMIT_OFFSET;
    case "query_accounts":
    case "query_transfers":
      return QUERY_FILTER_LIMIT_OFFSET;
    case "get_change_events":
      return CHANGE_EVENTS_FILTER_LIMIT_OFFSET;
    case "pulse":
    case "create_accounts":
    case "create_transfers":
    case "lookup_accounts":
    case "lookup_transfers":
      return -1;
  }
}

/** All operations by ascending number. */
export const OPERATIONS: readonly OperationTraits[] = ROWS.map(
  ([name, kind, eventSizeBytes, resultSizeBytes, batchable, multiBatch]) => ({
    operation: Operation[name],
    name,
    kind,
    eventSizeBytes,
    resultSizeBytes,
    batchable: batchable !== "",
    multiBatch: multiBatch !== "",
    limitOffset: limitOffsetOf(kind),
  }),
);

/**
 * The operation that a header's operation (u8) stands for: itself from 128 on, expiry for the protocol's `pulse` (4).
 *
 * @returns null if there is no such operation.
 */
export function operationFromVsr(operation: number): OperationTraits | null {
  if (operation === ProtocolOperation.pulse) return OPERATIONS[0] ?? null;
  return OPERATIONS[operation - Operation.pulse] ?? null;
}

/** The encoding of an operation. */
export function operationTraits(operation: Operation): OperationTraits {
  return OPERATIONS[operation - Operation.pulse] as OperationTraits;
}
