/**
 * The operations of the ledger for clients: objects to bytes and back, with the names of the official client.
 *
 * @packageDocumentation
 */
export {
  AccountFilterFlags,
  AccountFlags,
  CreateAccountStatus,
  CreateTransferStatus,
  Operation,
  QueryFilterFlags,
  TransferFlags,
} from "./enumerations.ts";
export type { Enumeration } from "./enumerations.ts";
export { assertU128 } from "./integers.ts";
export {
  createAccounts,
  createTransfers,
  getAccountBalances,
  getAccountTransfers,
  lookupAccounts,
  lookupTransfers,
  queryAccounts,
  queryTransfers,
} from "./operations.ts";
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
} from "./records.ts";
