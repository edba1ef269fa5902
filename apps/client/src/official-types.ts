/**
 * Types that the official client exports and that nothing here needs: for code that names them.
 */
import type {
  Account,
  AccountBalance,
  AccountFilter,
  AccountID,
  CreateAccountResult,
  CreateTransferResult,
  QueryFilter,
  Transfer,
} from "@stagbeetle/client/accounting";

/** What the official client's native part calls a client. */
export type Context = object;

/** What goes into an operation; the id of a transfer is as that of an account. */
export type Event = Account | Transfer | AccountID | AccountFilter | QueryFilter;

/** What comes out of an operation. */
export type Result = CreateAccountResult | CreateTransferResult | Account | Transfer | AccountBalance;

/** What the official client's native part calls. */
export type ResultCallback = (error: Error | null, results: Result[] | null) => void;
