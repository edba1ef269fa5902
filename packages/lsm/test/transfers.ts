/**
 * The trees of the accounting state machine as spec 05 §3.2 has them, and its transfers groove, for tests of a forest on
 * its own.
 */
import type { Config } from "@stagbeetle/vsr-protocol";
import {
  type GrooveDeclaration,
  type IndexDeclaration,
  type IndexKind,
  type IndexSource,
  treesOf,
} from "../src/groove/declaration.ts";
import type { TreeDeclaration } from "../src/tree-schema.ts";

const TRANSFER_SIZE_BYTES = 128;

/** Names as traces have them, by tree id from 1. */
export const TREE_NAMES: readonly string[] = [
  "Account.id",
  "Account.user_data_128",
  "Account.user_data_64",
  "Account.user_data_32",
  "Account.ledger",
  "Account.code",
  "Account",
  "Transfer.id",
  "Transfer.debit_account_id",
  "Transfer.credit_account_id",
  "Transfer.amount",
  "Transfer.pending_id",
  "Transfer.user_data_128",
  "Transfer.user_data_64",
  "Transfer.user_data_32",
  "Transfer.ledger",
  "Transfer.code",
  "Transfer",
  "Transfer.expires_at",
  "TransferPending",
  "TransferPending.status",
  "AccountEvent",
  "Account.imported",
  "Transfer.imported",
  "Account.closed",
  "Transfer.closing",
  "AccountEvent.account_timestamp",
  "AccountEvent.transfer_pending_status",
  "AccountEvent.dr_account_id_expired",
  "AccountEvent.cr_account_id_expired",
  "AccountEvent.transfer_pending_id_expired",
  "AccountEvent.ledger_expired",
  "AccountEvent.prunable",
];

const FLAG_PENDING = 1 << 1;
const FLAGS_CLOSING = (1 << 6) | (1 << 7);
const FLAG_IMPORTED = 1 << 8;

const field = (offset: number, sizeBytes: 2 | 4 | 8 | 16, zero: "indexed" | "absent" = "indexed"): IndexSource => ({
  from: "field",
  offset,
  sizeBytes,
  zero,
});

const flagged = (mask: number): IndexSource => ({
  from: "derived",
  lanes: [29],
  write: (lanes, at) => (((lanes[at + 29] as number) >>> 16) & mask) !== 0,
});

const expiresAt: IndexSource = {
  from: "derived",
  lanes: [27, 29, 30, 31],
  write: (lanes, at, out) => {
    const timeout = lanes[at + 27] as number;
    if ((((lanes[at + 29] as number) >>> 16) & FLAG_PENDING) === 0 || timeout === 0) return false;
    const timestamp = (BigInt(lanes[at + 31] as number) << 32n) | BigInt(lanes[at + 30] as number);
    const expires = timestamp + BigInt(timeout) * 1_000_000_000n;
    out[0] = Number(expires & 0xffff_ffffn);
    out[1] = Number((expires >> 32n) & 0xffff_ffffn);
    return true;
  },
};

/** What tests of trees need of the other grooves: their shapes, filled by nobody. */
function groove(
  name: string,
  treeId: number,
  sizeBytes: number,
  timestampOffset: number,
  valuesPerBatch: number,
  indexes: readonly (readonly [treeId: number, kind: IndexKind, valuesPerBatch: number, source?: IndexSource])[],
): GrooveDeclaration {
  const names = indexes.map(([id]) => TREE_NAMES[id - 1]?.split(".")[1] ?? "");
  return {
    name,
    treeId,
    sizeBytes,
    timestampOffset,
    primaryKey: names.includes("id") ? { index: "id" } : "timestamp",
    orphans: name === "Transfer",
    objectCache: name !== "AccountEvent",
    valuesPerBatch,
    indexes: indexes.map(([id, kind, count, source = { from: "hand" }], number): IndexDeclaration => ({
      name: names[number] ?? "",
      treeId: id,
      kind,
      source,
      valuesPerBatch: count,
    })),
  };
}

/** The four grooves. */
function grooves(config: Config): readonly GrooveDeclaration[] {
  const n = Math.floor(config.derived.messageBodySizeMax / TRANSFER_SIZE_BYTES);
  return [
    groove("Account", 7, 128, 120, 2 * n, [
      [1, "unique", n],
      [2, "u128", n],
      [3, "u64", n],
      [4, "u64", n],
      [5, "u64", n],
      [6, "u64", n],
      [23, "void", n],
      [25, "void", 2 * n],
    ]),
    groove("Transfer", 18, TRANSFER_SIZE_BYTES, 120, n, [
      [8, "unique", n, field(0, 16)],
      [9, "u128", n, field(16, 16)],
      [10, "u128", n, field(32, 16)],
      [11, "u128", n, field(48, 16)],
      [12, "u128", n, field(64, 16, "absent")],
      [13, "u128", n, field(80, 16, "absent")],
      [14, "u64", n, field(96, 8, "absent")],
      [15, "u64", n, field(104, 4, "absent")],
      [16, "u64", n, field(112, 4)],
      [17, "u64", n, field(116, 2)],
      [19, "u64", n, expiresAt],
      [24, "void", n, flagged(FLAG_IMPORTED)],
      [26, "void", n, flagged(FLAGS_CLOSING)],
    ]),
    groove("TransferPending", 20, 16, 0, 2 * n, [[21, "u64", 2 * n]]),
    groove("AccountEvent", 22, 256, 160, n, [
      [28, "u64", n],
      [27, "u64", 2 * n],
      [29, "u128", n],
      [30, "u128", n],
      [31, "u128", n],
      [32, "u128", n],
      [33, "void", n],
    ]),
  ];
}

/** All 33 trees. */
export function accountingTrees(config: Config): readonly TreeDeclaration[] {
  return treesOf(grooves(config));
}

/** The groove that tests write to. */
export function transfersGroove(config: Config): GrooveDeclaration {
  const found = grooves(config).find(({ name }) => name === "Transfer");
  if (found === undefined) throw new Error("there is no transfers groove");
  return found;
}
