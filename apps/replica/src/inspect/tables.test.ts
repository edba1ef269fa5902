import { TABLE_INFO_SIZE_BYTES } from "@stagbeetle/grid";
import { ManifestEvent } from "@stagbeetle/lsm";
import type { TreeSchema } from "@stagbeetle/lsm";
import { PRODUCTION } from "@stagbeetle/vsr-protocol";
import { describe, expect, test } from "vitest";

import { liveTables, manifestEntries } from "./manifest-log.ts";
import type { ManifestEntry, StoredManifestLog } from "./manifest-log.ts";
import { manifestReport, manifestText } from "./manifest.ts";
import { tablesReport, tablesText } from "./tables.ts";
import { ledgerTreesById } from "./trees.ts";

const LATEST = 2n ** 64n - 1n;

/** Which table, and what is not as usual about it. */
function entry(table: number, values: Partial<ManifestEntry> = {}): ManifestEntry {
  return {
    event: ManifestEvent.insert,
    level: 0,
    treeId: 7,
    keyMin: BigInt(table),
    keyMax: BigInt(table) + 1n,
    index: { address: table, checksum: BigInt(table) },
    snapshotMin: 32n,
    snapshotMax: LATEST,
    valueCount: 1,
    ...values,
  };
}

/** A log of blocks, the newest first, each with its entries from the oldest on. */
function logOf(...blocks: readonly (readonly ManifestEntry[])[]): StoredManifestLog {
  return {
    blocks: blocks.map((entries, index) => ({ reference: { address: 100 + index, checksum: 5n }, entries })),
    fault: null,
  };
}

function tree(treeId: number): TreeSchema {
  const schema = ledgerTreesById(PRODUCTION).get(treeId);
  if (schema === undefined) throw new Error(`there is no tree ${treeId}`);
  return schema;
}

describe("the manifest log", () => {
  test("an entry is read from its 128 bytes", () => {
    const bytes = new Uint8Array(2 * TABLE_INFO_SIZE_BYTES);
    const view = new DataView(bytes.buffer, TABLE_INFO_SIZE_BYTES);
    view.setUint8(0, 3);
    view.setUint8(8, 1);
    view.setUint8(32, 9);
    view.setUint8(64, 0xaa);
    view.setUint8(96, 12);
    view.setUint8(104, 32);
    view.setBigUint64(112, LATEST, true);
    view.setUint32(120, 5, true);
    view.setUint16(124, 18, true);
    view.setUint8(126, (ManifestEvent.update << 6) | 2);
    expect(manifestEntries(bytes)[1]).toEqual({
      event: ManifestEvent.update,
      level: 2,
      treeId: 18,
      keyMin: (1n << 64n) + 3n,
      keyMax: 9n,
      index: { address: 12, checksum: 0xaan },
      snapshotMin: 32n,
      snapshotMax: LATEST,
      valueCount: 5,
    });
  });

  test("its blocks count their entries by event and level", () => {
    const removed = entry(3, { event: ManifestEvent.remove, level: 6 });
    const report = manifestReport(PRODUCTION, logOf([entry(1), entry(2), removed]));
    expect(manifestText(report)).toBe(
      `manifest_log.blocks[0]: address=100 checksum=${"5".padStart(32, "0")} entries=3/4094 ` +
        "insert=2,0,0,0,0,0,0 update=0,0,0,0,0,0,0 remove=0,0,0,0,0,0,1\n",
    );
  });

  test("the newest entry of a table decides, across blocks", () => {
    const replaced = entry(2, { event: ManifestEvent.update, snapshotMax: 63n });
    const log = logOf([entry(4), entry(1, { event: ManifestEvent.remove })], [entry(1), entry(2), entry(3), replaced]);
    expect(liveTables(log).map(({ index, event }) => [index.address, event])).toEqual([
      [4, ManifestEvent.insert],
      [2, ManifestEvent.update],
      [3, ManifestEvent.insert],
    ]);
  });
});

describe("the tables of a tree", () => {
  test("are those of the tree and level that are asked for, by level and then by key", () => {
    const log = logOf([entry(9), entry(2), entry(5, { level: 1 }), entry(1, { level: 1 }), entry(3, { treeId: 8 })]);
    const addresses = (level: number | null): number[] =>
      tablesReport(PRODUCTION, log, tree(7), level).tables.map(({ address }) => address);
    expect(addresses(null)).toEqual([2, 9, 1, 5]);
    expect(addresses(1)).toEqual([1, 5]);
    expect(addresses(6)).toEqual([]);
  });

  test.each([
    ["accounts", 7, 123n, "123"],
    ["transfers.id", 8, 2n ** 127n, String(2n ** 127n)],
    ["accounts.ledger", 5, (700n << 64n) | 9n, "___700:9"],
    ["transfers.amount", 11, ((2n ** 128n - 1n) << 64n) | 9n, `${2n ** 128n - 1n}:9`],
    ["accounts.closed", 25, 9n, "__void:9"],
  ])("a key of %s is printed as by the reference", (name, treeId, key, text) => {
    const log = logOf([entry(3, { treeId, keyMin: key, keyMax: key, valueCount: 71 })]);
    const { name: actualName, valueCountMax } = tree(treeId);
    expect(actualName).toBe(name);
    expect(tablesText(tablesReport(PRODUCTION, log, tree(treeId), null))).toBe(
      `I T=${name} L=0 K=${text}..${text} S=32..max V=____71/${valueCountMax} C=${"3".padStart(32, "0")} A=3 O=1142423552\n`,
    );
  });

  test("that were replaced have a last snapshot", () => {
    const log = logOf([entry(3, { event: ManifestEvent.update, snapshotMax: 95n })]);
    expect(tablesText(tablesReport(PRODUCTION, log, tree(7), null))).toMatch(/^U T=accounts .* S=32\.\.95 /u);
  });
});
