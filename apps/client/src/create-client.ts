/**
 * The client of the ledger.
 */
import {
  type Account,
  type AccountBalance,
  type AccountFilter,
  type AccountID,
  createAccounts,
  type CreateAccountResult,
  createTransfers,
  type CreateTransferResult,
  getAccountBalances,
  getAccountTransfers,
  lookupAccounts,
  lookupTransfers,
  queryAccounts,
  type QueryFilter,
  queryTransfers,
  type Transfer,
  type TransferID,
} from "@stagbeetle/client/accounting";

import type { ClientInitArgs } from "./client-init-args.ts";
import type { ClientState } from "./client-state.ts";
import { ClusterSession, type RequestOptions, type StateListener } from "./cluster-session.ts";

/**
 * A session with a ledger. Every method but `destroy` returns a promise that rejects with a `RequestError`, or with an `Error`
 * that names the field which is wrong; see `RequestOptions` for what a deadline and an aborted signal mean.
 */
export interface Client extends AsyncDisposable {
  /** Creates up to 8,189 accounts (fewer in a cluster with smaller requests). One result each, in the same order. */
  createAccounts: (batch: Account[], options?: RequestOptions) => Promise<CreateAccountResult[]>;
  /** Creates up to 8,189 transfers (fewer in a cluster with smaller requests). One result each, in the same order. */
  createTransfers: (batch: Transfer[], options?: RequestOptions) => Promise<CreateTransferResult[]>;
  /** Finds up to 8,189 accounts by id, in the same order; those that do not exist are left out. */
  lookupAccounts: (batch: AccountID[], options?: RequestOptions) => Promise<Account[]>;
  /** Finds up to 8,189 transfers by id, in the same order; those that do not exist are left out. */
  lookupTransfers: (batch: TransferID[], options?: RequestOptions) => Promise<Transfer[]>;
  /** The transfers of one account by timestamp; none for a filter that is invalid. */
  getAccountTransfers: (filter: AccountFilter, options?: RequestOptions) => Promise<Transfer[]>;
  /** The former balances of one account with the flag `history`, by timestamp; none for a filter that is invalid. */
  getAccountBalances: (filter: AccountFilter, options?: RequestOptions) => Promise<AccountBalance[]>;
  /** Accounts by their fields, by timestamp; none for a filter that is invalid. */
  queryAccounts: (filter: QueryFilter, options?: RequestOptions) => Promise<Account[]>;
  /** Transfers by their fields, by timestamp; none for a filter that is invalid. */
  queryTransfers: (filter: QueryFilter, options?: RequestOptions) => Promise<Transfer[]>;
  /** Ends the session: every open request rejects with `ERR_CLIENT_CLOSED`, and so does every later one. May be repeated. */
  destroy: () => void;
  /** Resolves once the cluster has taken the session, for those who want to know before the first request. */
  ready: (options?: RequestOptions) => Promise<void>;
  /** What the client is doing, and if it waits for the cluster, why. */
  readonly state: ClientState;
  /** Calls `listener` whenever the status, the finding's code or a connection has changed. Returns what ends that. */
  on: (event: "state", listener: StateListener) => () => void;
  /** Ends what `on` began. */
  off: (event: "state", listener: StateListener) => void;
}

/**
 * Opens a session with a ledger: Stagbeetle's or TigerBeetle's of release 0.17. It connects by itself and waits as long as it
 * takes; requests may be made at once.
 *
 * @example
 * ```ts
 * const client = createClient({ cluster_id: 0n, replica_addresses: ["3000"] });
 * const accounts = await client.lookupAccounts([1n, 2n], { deadline_ms: 5000 });
 * client.destroy();
 * ```
 *
 * @throws Error for arguments that make no sense.
 */
export function createClient(args: ClientInitArgs): Client {
  const session = new ClusterSession(args);
  // Methods without `this`, so that they can be taken apart.
  return {
    createAccounts: (batch, options) => session.request(createAccounts, batch, options),
    createTransfers: (batch, options) => session.request(createTransfers, batch, options),
    lookupAccounts: (batch, options) => session.request(lookupAccounts, batch, options),
    lookupTransfers: (batch, options) => session.request(lookupTransfers, batch, options),
    getAccountTransfers: (filter, options) => session.request(getAccountTransfers, filter, options),
    getAccountBalances: (filter, options) => session.request(getAccountBalances, filter, options),
    queryAccounts: (filter, options) => session.request(queryAccounts, filter, options),
    queryTransfers: (filter, options) => session.request(queryTransfers, filter, options),
    destroy: () => session.destroy(),
    ready: (options) => session.ready(options),
    get state() {
      return session.state;
    },
    on: (event, listener) => session.on(event, listener),
    off: (event, listener) => session.off(event, listener),
    [Symbol.asyncDispose]: () => session[Symbol.asyncDispose](),
  };
}
