/**
 * The same load for any client: callers that ask again as soon as they are answered.
 */
import type { Client, Transfer } from "@stagbeetle/ledger-client";

/** What both clients have. */
export type LedgerClient = Pick<Client, "createAccounts" | "createTransfers" | "destroy">;

/** A client by name. */
export interface Contender {
  readonly name: string;
  readonly connect: (port: number) => LedgerClient;
}

/** What is asked for. */
export interface Load {
  readonly name: string;
  /** Callers at the same time. */
  readonly callers: number;
  /** Transfers in a call. */
  readonly events: number;
  /** Calls of all callers together. */
  readonly calls: number;
}

/** The accounts between which transfers go. */
const ACCOUNTS = 1000;

const CREATED = 4_294_967_295;

let transferCount = 0n;

function nextTransfer(): Transfer {
  transferCount += 1n;
  const debit = 1n + (transferCount % BigInt(ACCOUNTS));
  return {
    id: transferCount,
    debit_account_id: debit,
    credit_account_id: 1n + (debit % BigInt(ACCOUNTS)),
    amount: 1n,
    pending_id: 0n,
    user_data_128: 0n,
    user_data_64: 0n,
    user_data_32: 0,
    timeout: 0,
    ledger: 1,
    code: 1,
    flags: 0,
    timestamp: 0n,
  };
}

/** Creates the accounts that all loads use. */
export async function createAccounts(client: LedgerClient): Promise<void> {
  const balances = { debits_pending: 0n, debits_posted: 0n, credits_pending: 0n, credits_posted: 0n };
  const rest = { ...balances, user_data_128: 0n, user_data_64: 0n, user_data_32: 0, reserved: 0, ledger: 1, code: 1 };
  const accounts = Array.from({ length: ACCOUNTS }, (_, index) => ({
    ...rest,
    id: BigInt(index + 1),
    flags: 0,
    timestamp: 0n,
  }));
  check(await client.createAccounts(accounts), ACCOUNTS);
}

/** Runs a load to its end. Returns the seconds that it took. */
export async function run(client: LedgerClient, { callers, events, calls }: Load): Promise<number> {
  let left = calls;
  const caller = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      check(await client.createTransfers(Array.from({ length: events }, nextTransfer)), events);
    }
  };
  const begin = performance.now();
  await Promise.all(Array.from({ length: callers }, caller));
  return (performance.now() - begin) / 1000;
}

function check(results: readonly { readonly status: number }[], count: number): void {
  if (results.length !== count || results.some(({ status }) => status !== CREATED)) {
    throw new Error(`${results.length} results of ${count}, not all created`);
  }
}
