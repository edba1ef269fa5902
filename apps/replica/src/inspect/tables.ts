/**
 * `inspect tables`: the tables of one tree (spec 06 §6.10).
 */
import { hex128, lines } from "@stagbeetle/command-line";
import { ManifestEvent } from "@stagbeetle/lsm";
import type { TreeSchema } from "@stagbeetle/lsm";
import { zoneStart } from "@stagbeetle/vsr-protocol";
import type { Config } from "@stagbeetle/vsr-protocol";

import { liveTables } from "./manifest-log.ts";
import type { ManifestEntry, StoredManifestLog } from "./manifest-log.ts";
import { underscored } from "./text.ts";

/** One table. */
export interface TableReport {
  /** The last that happened to it: `I` inserted, `U` updated. */
  readonly event: string;
  readonly tree: string;
  readonly level: number;
  /** Composite keys are `field:timestamp`. */
  readonly keyMin: string;
  readonly keyMax: string;
  readonly snapshotMin: bigint;
  /** Null for a table that is not replaced yet. */
  readonly snapshotMax: bigint | null;
  readonly valueCount: number;
  readonly valueCountMax: number;
  /** Of the index block. */
  readonly checksum: string;
  readonly address: number;
  /** Of the index block in the data file, in bytes. */
  readonly fileOffset: number;
}

/** By level, then by key. */
export interface TablesReport {
  readonly tables: readonly TableReport[];
}

const SNAPSHOT_LATEST = 2n ** 64n - 1n;

/** @param level null for all levels. */
export function tablesReport(
  config: Config,
  manifestLog: StoredManifestLog,
  tree: TreeSchema,
  level: number | null,
): TablesReport {
  const tables = liveTables(manifestLog)
    .filter((entry) => entry.treeId === tree.treeId && (level === null || entry.level === level))
    .toSorted(compareEntries);
  return { tables: tables.map((entry) => tableReport(config, tree, entry)) };
}

function compareEntries(a: ManifestEntry, b: ManifestEntry): number {
  return (
    a.level - b.level ||
    compare(a.keyMin, b.keyMin) ||
    compare(a.keyMax, b.keyMax) ||
    compare(a.snapshotMin, b.snapshotMin) ||
    compare(a.snapshotMax, b.snapshotMax) ||
    compare(a.index.checksum, b.index.checksum)
  );
}

function compare(a: bigint, b: bigint): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

const EVENTS: ReadonlyMap<number, string> = new Map([
  [ManifestEvent.insert, "I"],
  [ManifestEvent.update, "U"],
  [ManifestEvent.remove, "R"],
]);

function tableReport(config: Config, tree: TreeSchema, entry: ManifestEntry): TableReport {
  const { address, checksum } = entry.index;
  return {
    event: EVENTS.get(entry.event) ?? "?",
    tree: tree.name,
    level: entry.level,
    keyMin: keyText(tree, entry.keyMin),
    keyMax: keyText(tree, entry.keyMax),
    snapshotMin: entry.snapshotMin,
    snapshotMax: entry.snapshotMax === SNAPSHOT_LATEST ? null : entry.snapshotMax,
    valueCount: entry.valueCount,
    valueCountMax: tree.valueCountMax,
    checksum: hex128(checksum),
    address,
    fileOffset: zoneStart(config, "grid") + (address - 1) * config.cluster.blockSize,
  };
}

const NUMBER_WIDTH = 6;
const TIMESTAMP_BITS = 64;

/** A composite key is a field above a timestamp. */
function keyText({ layout }: TreeSchema, key: bigint): string {
  if (!layout.secondary) return String(key);
  const timestamp = BigInt.asUintN(TIMESTAMP_BITS, key);
  const field = layout.key === "timestamp" ? "void" : String(key >> BigInt(TIMESTAMP_BITS));
  return `${underscored(field, NUMBER_WIDTH)}:${timestamp}`;
}

/** As the reference prints it. */
export function tablesText({ tables }: TablesReport): string {
  return lines(
    tables.map((table) => {
      const { event, tree, level, keyMin, keyMax, snapshotMin, snapshotMax, valueCount, valueCountMax } = table;
      const values = `${underscored(valueCount, NUMBER_WIDTH)}/${valueCountMax}`;
      const place = `C=${table.checksum} A=${table.address} O=${table.fileOffset}`;
      const snapshots = `${snapshotMin}..${snapshotMax ?? "max"}`;
      return `${event} T=${tree} L=${level} K=${keyMin}..${keyMax} S=${snapshots} V=${values} ${place}`;
    }),
  );
}
