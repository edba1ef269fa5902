/**
 * Append-only files for tests: each entry creates accounts.
 */
import { chain, fileOf, RELEASE } from "@stagbeetle/aof/testing";
import { Account, ACCOUNT_SIZE_BYTES } from "@stagbeetle/state-machine";
import { HEADER_SIZE_BYTES } from "@stagbeetle/vsr-protocol";

export { RELEASE } from "@stagbeetle/aof/testing";

/** `deprecated_create_accounts_unbatched`: its body is accounts and nothing else. */
const CREATE_ACCOUNTS = 129;

/** The size of an entry that creates one account, in bytes. */
export const ENTRY_SIZE_BYTES: number = 16 + HEADER_SIZE_BYTES + ACCOUNT_SIZE_BYTES;

/** How a log is made. */
export interface LogOptions {
  readonly entries: number;
  readonly cluster?: bigint;
  /** How many accounts each entry creates: one unless said otherwise. */
  readonly accounts?: number;
  /** The release of the client of each op. */
  readonly releaseOfOp?: (op: number) => number;
}

/** A chain of entries from op 1 on. */
export function logOf({ entries, cluster = 0n, accounts = 1, releaseOfOp = () => RELEASE }: LogOptions): Uint8Array {
  const prepares = Array.from({ length: entries }, (_, index) => ({
    operation: CREATE_ACCOUNTS,
    release: releaseOfOp(index + 1),
    body: accountsOf(accounts, (index + 1) * accounts),
  }));
  return fileOf(chain(prepares, cluster));
}

function accountsOf(count: number, idFirst: number): Uint8Array {
  const body = new Uint8Array(count * ACCOUNT_SIZE_BYTES);
  for (let index = 0; index < count; index += 1) {
    Object.assign(new Account(body, index * ACCOUNT_SIZE_BYTES), { id: BigInt(idFirst + index), ledger: 1, code: 1 });
  }
  return body;
}
