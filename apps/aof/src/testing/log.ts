/**
 * Append-only files for tests: each entry creates accounts.
 */
import { AOFEntry, aofEntrySizeMaxBytes, MemoryFile } from "@stagbeetle/aof";
import { LinearMemory } from "@stagbeetle/kernels";
import { Account, ACCOUNT_SIZE_BYTES } from "@stagbeetle/state-machine";
import {
  Checksums,
  Command,
  HEADER_SIZE_BYTES,
  initHeader,
  MessagePool,
  PrepareHeader,
  PRODUCTION,
  releaseOf,
  rootPrepareChecksum,
} from "@stagbeetle/vsr-protocol";

/** `deprecated_create_accounts_unbatched`: its body is accounts and nothing else. */
const CREATE_ACCOUNTS = 129;

/** The release of the clients, unless a test says otherwise. */
export const RELEASE: number = releaseOf(0, 17, 9);

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
export function logOf(options: LogOptions): Uint8Array {
  const { entries, cluster = 0n, accounts = 1, releaseOfOp = () => RELEASE } = options;
  const { messageSizeMax } = PRODUCTION.cluster;
  const memory = new LinearMemory({ sizeBytes: messageSizeMax + 2 ** 17, shared: false });
  const message = new MessagePool({ memory, messageSizeMax, messagesMax: 1 }).acquire();
  const checksums = new Checksums();
  const file = new MemoryFile();
  const buffer = new Uint8Array(aofEntrySizeMaxBytes(PRODUCTION));
  const prepare = message.as(PrepareHeader);
  let parent = rootPrepareChecksum(cluster);
  for (let op = 1; op <= entries; op += 1) {
    initHeader(prepare, Command.prepare, cluster);
    prepare.size = HEADER_SIZE_BYTES + accounts * ACCOUNT_SIZE_BYTES;
    Object.assign(prepare, { view: 1, release: releaseOfOp(op), parent, client: 5n, op, commit: op - 1 });
    Object.assign(prepare, { timestamp: BigInt(op) * 1000n, request: op, operation: CREATE_ACCOUNTS });
    const body = message.body().fill(0);
    for (let index = 0; index < accounts; index += 1) {
      const account = new Account(body, index * ACCOUNT_SIZE_BYTES);
      Object.assign(account, { id: BigInt(op * accounts + index), ledger: 1, code: 1 });
    }
    checksums.setMessage(message);
    parent = prepare.checksum;
    file.append([AOFEntry.fromMessage(message, buffer).bytes]);
  }
  return file.bytes.slice();
}
