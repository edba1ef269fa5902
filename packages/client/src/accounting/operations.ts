/**
 * The operations of the ledger, with what goes in and what comes out.
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import { AccountingOperation, operationFromVsr } from "@stagbeetle/state-machine";
import { PRODUCTION } from "@stagbeetle/vsr-protocol";

import { type OperationCodec, TooMuchDataError } from "../codec.ts";
import { batchesFit, type OperationEncoding } from "../operation.ts";
import {
  type EventWriter,
  writeAccount,
  writeAccountFilter,
  writeId,
  writeQueryFilter,
  writeTransfer,
} from "./events.ts";
import type {
  Account,
  AccountBalance,
  AccountFilter,
  AccountID,
  CreateAccountResult,
  CreateTransferResult,
  QueryFilter,
  Transfer,
  TransferID,
} from "./records.ts";
import {
  readAccount,
  readAccountBalance,
  readCreateAccountResult,
  readCreateTransferResult,
  readTransfer,
  type ResultReader,
} from "./results.ts";

const BODY_SIZE_MAX = PRODUCTION.derived.messageBodySizeMax;
const LIMITS = { batchSizeLimit: BODY_SIZE_MAX, messageBodySizeMax: BODY_SIZE_MAX };

/** Creates accounts: up to 8,189 of them in one call. */
export const createAccounts: OperationCodec<readonly Account[], CreateAccountResult[]> = batchCodec(
  AccountingOperation.create_accounts,
  writeAccount,
  readCreateAccountResult,
);

/** Creates transfers: up to 8,189 of them in one call. */
export const createTransfers: OperationCodec<readonly Transfer[], CreateTransferResult[]> = batchCodec(
  AccountingOperation.create_transfers,
  writeTransfer,
  readCreateTransferResult,
);

/** Finds accounts by id: up to 8,189 of them in one call. Those that do not exist are left out. */
export const lookupAccounts: OperationCodec<readonly AccountID[], Account[]> = batchCodec(
  AccountingOperation.lookup_accounts,
  writeId,
  readAccount,
);

/** Finds transfers by id: up to 8,189 of them in one call. Those that do not exist are left out. */
export const lookupTransfers: OperationCodec<readonly TransferID[], Transfer[]> = batchCodec(
  AccountingOperation.lookup_transfers,
  writeId,
  readTransfer,
);

/** The transfers of one account, by timestamp. */
export const getAccountTransfers: OperationCodec<AccountFilter, Transfer[]> = filterCodec(
  AccountingOperation.get_account_transfers,
  writeAccountFilter,
  readTransfer,
);

/** The balances that one account with the flag `history` had, by timestamp. */
export const getAccountBalances: OperationCodec<AccountFilter, AccountBalance[]> = filterCodec(
  AccountingOperation.get_account_balances,
  writeAccountFilter,
  readAccountBalance,
);

/** Accounts by their fields, by timestamp. */
export const queryAccounts: OperationCodec<QueryFilter, Account[]> = filterCodec(
  AccountingOperation.query_accounts,
  writeQueryFilter,
  readAccount,
);

/** Transfers by their fields, by timestamp. */
export const queryTransfers: OperationCodec<QueryFilter, Transfer[]> = filterCodec(
  AccountingOperation.query_transfers,
  writeQueryFilter,
  readTransfer,
);

/** An operation that takes any number of events. */
function batchCodec<Event, Result>(
  operation: AccountingOperation,
  write: EventWriter<Event>,
  read: ResultReader<Result>,
): OperationCodec<readonly Event[], Result[]> {
  const encoding = encodingOf(operation);
  return {
    encoding,
    encode: (events) => encodeBatch(encoding, events, write),
    decode: (body) => decodeBatch(encoding, body, read),
  };
}

/** An operation that takes exactly one event. */
function filterCodec<Filter, Result>(
  operation: AccountingOperation,
  write: EventWriter<Filter>,
  read: ResultReader<Result>,
): OperationCodec<Filter, Result[]> {
  const batch = batchCodec(operation, write, read);
  return { ...batch, encode: (filter) => batch.encode([filter]) };
}

function encodeBatch<Event>(
  encoding: OperationEncoding,
  events: readonly Event[],
  write: EventWriter<Event>,
): Uint8Array {
  // Callers without types exist.
  if (!Array.isArray(events)) throw new Error("Array argument must be an [object Array].");
  const eventCount = events.length;
  const eventsSizeBytes = eventCount * encoding.eventSizeBytes;
  const totals = { batchCount: 1, eventsSizeBytes, resultCountMax: encoding.batchable ? eventCount : 1 };
  // Before anything of that size is allocated or looked at.
  if (!batchesFit(encoding, totals, LIMITS)) throw new TooMuchDataError(`${eventCount} events in one call`);
  const body = new Uint8Array(eventsSizeBytes);
  const view = new DataView(body.buffer);
  for (let index = 0; index < eventCount; index += 1) {
    const event = events[index] as Event | null | undefined;
    if (event === null || event === undefined) throw new TypeError("Cannot convert undefined or null to object");
    write(view, index * encoding.eventSizeBytes, event);
  }
  return body;
}

function decodeBatch<Result>(
  { resultSizeBytes }: OperationEncoding,
  body: Uint8Array,
  read: ResultReader<Result>,
): Result[] {
  assert(body.length % resultSizeBytes === 0, () => `${body.length} bytes are no results of ${resultSizeBytes}`);
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  const results: Result[] = [];
  for (let offset = 0; offset < body.length; offset += resultSizeBytes) results.push(read(view, offset));
  return results;
}

function encodingOf(operation: AccountingOperation): OperationEncoding {
  const traits = operationFromVsr(operation);
  assert(traits !== null, () => `there is no operation ${operation}`);
  return traits;
}
