/**
 * The four grooves of the accounting state machine, 33 trees (spec 02 §8, spec 05 §3). Tree ids are part of the data
 * file's format.
 *
 * @module
 */
import type { GrooveDeclaration, IndexDeclaration, IndexKind, IndexSource } from "@stagbeetle/lsm";
import * as u64 from "../lanes/u64.ts";
import { ACCOUNT_SIZE_BYTES, AccountFlags, AccountLane } from "./account.ts";
import { ACCOUNT_EVENT_SIZE_BYTES, AccountEventLane } from "./account-event.ts";
import type { Limits } from "./limits.ts";
import { TRANSFER_PENDING_SIZE_BYTES, TransferPendingStatus } from "./transfer-pending.ts";
import { NANOSECONDS_PER_SECOND, TRANSFER_SIZE_BYTES, TransferFlags, TransferLane } from "./transfer.ts";

const timeoutNs = new Uint32Array(2);

/**
 * Writes when the transfer at `lanes[at]` expires (u64 nanoseconds) to `out`. Only for transfers with a timeout; the sum
 * was checked when the transfer was created.
 */
export function writeExpiresAt(lanes: Uint32Array, at: number, out: Uint32Array, outAt: number): void {
  u64.multiply(timeoutNs, 0, lanes[at + TransferLane.timeout] as number, NANOSECONDS_PER_SECOND);
  u64.add(out, outAt, lanes, at + TransferLane.timestamp, timeoutNs, 0);
}

function field(offset: number, sizeBytes: 1 | 2 | 4 | 8 | 16, zero: "indexed" | "absent" = "indexed"): IndexSource {
  return { from: "field", offset, sizeBytes, zero };
}

/** An entry without a value, if any of the bits is set in the upper half of a lane: the flags of accounts and transfers. */
function flagged(lane: number, flags: number): IndexSource {
  return { from: "object", when: { lane, mask: flags << 16, value: 0, equal: false } };
}

const expiresAt: IndexSource = {
  from: "derived",
  lanes: [TransferLane.codeAndFlags, TransferLane.timeout, TransferLane.timestamp, TransferLane.timestamp + 1],
  write: (lanes, at, out) => {
    const flags = (lanes[at + TransferLane.codeAndFlags] as number) >>> 16;
    if ((flags & TransferFlags.pending) === 0 || lanes[at + TransferLane.timeout] === 0) return false;
    writeExpiresAt(lanes, at, out, 0);
    return true;
  },
};

/** A field of an account event, if a pending transfer expired. */
function expired(lane: number, sizeBytes: 4 | 16): IndexSource {
  const when = {
    lane: AccountEventLane.transferPendingStatus,
    mask: 0xff,
    value: TransferPendingStatus.expired,
    equal: true,
  };
  return { from: "field", offset: 4 * lane, sizeBytes, zero: "indexed", when };
}

/** An event that only `get_change_events` ever needs: no side has `history`. */
const prunable: IndexSource = {
  from: "object",
  when: {
    lane: AccountEventLane.accountFlags,
    mask: AccountFlags.history | (AccountFlags.history << 16),
    value: 0,
    equal: true,
  },
};

/** The tables of spec 02 §8 and §8.2 for the cluster's limits. */
export function accountingGrooves(limits: Limits): readonly GrooveDeclaration[] {
  const accounts = limits.createAccountsMax;
  const transfers = limits.createTransfersMax;
  return [
    // Every transfer updates two accounts.
    accountsGroove(accounts, Math.max(accounts, 2 * transfers)),
    transfersGroove(transfers),
    transfersPendingGroove(transfers),
    accountEventsGroove(transfers),
  ];
}

function index(
  valuesPerBatch: number,
  treeId: number,
  name: string,
  kind: IndexKind,
  source: IndexSource,
): IndexDeclaration {
  return { name, treeId, kind, source, valuesPerBatch };
}

function accountsGroove(accounts: number, accountUpdates: number): GrooveDeclaration {
  return {
    name: "accounts",
    treeId: 7,
    sizeBytes: ACCOUNT_SIZE_BYTES,
    timestampOffset: 120,
    primaryKey: { index: "id" },
    orphans: false,
    objectCache: true,
    valuesPerBatch: accountUpdates,
    indexes: [
      index(accounts, 1, "id", "unique", field(0, 16)),
      index(accounts, 2, "user_data_128", "u128", field(80, 16, "absent")),
      index(accounts, 3, "user_data_64", "u64", field(96, 8, "absent")),
      index(accounts, 4, "user_data_32", "u64", field(104, 4, "absent")),
      index(accounts, 5, "ledger", "u64", field(112, 4)),
      index(accounts, 6, "code", "u64", field(116, 2)),
      index(accounts, 23, "imported", "void", flagged(AccountLane.codeAndFlags, AccountFlags.imported)),
      index(accountUpdates, 25, "closed", "void", flagged(AccountLane.codeAndFlags, AccountFlags.closed)),
    ],
  };
}

function transfersGroove(transfers: number): GrooveDeclaration {
  return {
    name: "transfers",
    treeId: 18,
    sizeBytes: TRANSFER_SIZE_BYTES,
    timestampOffset: 120,
    primaryKey: { index: "id" },
    orphans: true,
    objectCache: true,
    valuesPerBatch: transfers,
    indexes: [
      index(transfers, 8, "id", "unique", field(0, 16)),
      index(transfers, 9, "debit_account_id", "u128", field(16, 16)),
      index(transfers, 10, "credit_account_id", "u128", field(32, 16)),
      index(transfers, 11, "amount", "u128", field(48, 16)),
      index(transfers, 12, "pending_id", "u128", field(64, 16, "absent")),
      index(transfers, 13, "user_data_128", "u128", field(80, 16, "absent")),
      index(transfers, 14, "user_data_64", "u64", field(96, 8, "absent")),
      index(transfers, 15, "user_data_32", "u64", field(104, 4, "absent")),
      index(transfers, 16, "ledger", "u64", field(112, 4)),
      index(transfers, 17, "code", "u64", field(116, 2)),
      index(transfers, 19, "expires_at", "u64", expiresAt),
      index(transfers, 24, "imported", "void", flagged(TransferLane.codeAndFlags, TransferFlags.imported)),
      index(
        transfers,
        26,
        "closing",
        "void",
        flagged(TransferLane.codeAndFlags, TransferFlags.closing_debit | TransferFlags.closing_credit),
      ),
    ],
  };
}

function transfersPendingGroove(transfers: number): GrooveDeclaration {
  return {
    name: "transfers_pending",
    treeId: 20,
    sizeBytes: TRANSFER_PENDING_SIZE_BYTES,
    timestampOffset: 0,
    primaryKey: "timestamp",
    orphans: false,
    objectCache: true,
    valuesPerBatch: 2 * transfers,
    indexes: [index(2 * transfers, 21, "status", "u64", field(8, 1, "absent"))],
  };
}

function accountEventsGroove(transfers: number): GrooveDeclaration {
  return {
    name: "account_events",
    treeId: 22,
    sizeBytes: ACCOUNT_EVENT_SIZE_BYTES,
    timestampOffset: 160,
    primaryKey: "timestamp",
    orphans: false,
    objectCache: false,
    valuesPerBatch: transfers,
    indexes: [
      index(transfers, 28, "transfer_pending_status", "u64", field(244, 1)),
      index(2 * transfers, 27, "account_timestamp", "u64", { from: "hand" }),
      index(transfers, 29, "dr_account_id_expired", "u128", expired(AccountEventLane.drAccountId, 16)),
      index(transfers, 30, "cr_account_id_expired", "u128", expired(AccountEventLane.crAccountId, 16)),
      index(transfers, 31, "transfer_pending_id_expired", "u128", expired(AccountEventLane.transferPendingId, 16)),
      // Widened to u128, by an accident of history that the format keeps.
      index(transfers, 32, "ledger_expired", "u128", expired(AccountEventLane.ledger, 4)),
      index(transfers, 33, "prunable", "void", prunable),
    ],
  };
}
