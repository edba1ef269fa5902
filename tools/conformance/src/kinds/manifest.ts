/**
 * The manifest logs of recorded data files: they name the tables that the reference's `inspect tables` prints.
 *
 * @module
 */
import { join } from "node:path";

import { createKernels, type Pointer } from "@stagbeetle/kernels";
import { GridStore, ManifestLog, ManifestPace, TableInfoView } from "@stagbeetle/lsm";
import { type ManifestReferences, PRODUCTION } from "@stagbeetle/vsr-protocol";

import { type Artefact, different, equal, type Kind, type Outcome } from "../artefact.ts";
import { readDecompressed, streamDecompressed, withoutCompression } from "../containers/zstd.ts";
import { loadDataFile, type OpenedDataFile, openDataFile } from "../recorded-data-file.ts";

const TREES = 33;
/** More than any recorded file has. */
const TABLES_MAX = 4096;

/** A line of `inspect tables`: tree, level, keys, snapshots, values, checksum, address. */
const TABLE_LINE = /^I T=\S+ L=(\d+) .* S=(\d+)\.\.max V=_*(\d+)\/\d+ C=([0-9a-f]+) A=(\d+) /u;

/** A table in words that both sides can say. */
function describeTable(
  level: number,
  snapshotMin: number,
  valueCount: number,
  checksum: bigint,
  address: number,
): string {
  return `table ${address} ${checksum.toString(16).padStart(32, "0")} level ${level} from ${snapshotMin} with ${valueCount}`;
}

function recordedTables(text: string): Set<string> {
  const tables = new Set<string>();
  for (const line of text.split("\n")) {
    const [, level, snapshotMin, valueCount, checksum, address] = TABLE_LINE.exec(line) ?? [];
    if (checksum === undefined) continue;
    const sum = BigInt(`0x${checksum}`);
    tables.add(describeTable(Number(level), Number(snapshotMin), Number(valueCount), sum, Number(address)));
  }
  return tables;
}

function referencesOf({ superblock }: OpenedDataFile): ManifestReferences {
  const { checkpoint } = superblock.working;
  return {
    oldest: { checksum: checkpoint.manifestOldestChecksum, address: checkpoint.manifestOldestAddress },
    newest: { checksum: checkpoint.manifestNewestChecksum, address: checkpoint.manifestNewestAddress },
    blockCount: checkpoint.manifestBlockCount,
  };
}

function openedTables(opened: OpenedDataFile): Set<string> {
  const { memory, grid, checksums } = opened;
  const infos = new TableInfoView(memory);
  const tables = new Set<string>();
  const log = new ManifestLog({
    kernels: createKernels({ memory }),
    store: new GridStore(grid, checksums),
    pace: new ManifestPace(PRODUCTION, TREES, TABLES_MAX),
  });
  const onTable = (table: Pointer): void => {
    const level = infos.level(table);
    const valueCount = infos.valueCount(table);
    tables.add(describeTable(level, infos.snapshotMin(table), valueCount, infos.checksum(table), infos.address(table)));
  };
  let done = false;
  log.open(referencesOf(opened), onTable, () => {
    done = true;
  });
  opened.run();
  if (!done) throw new Error(`the manifest log does not open: ${log.describe()}`);
  return tables;
}

async function check(dataFile: string, inspected: string): Promise<Outcome> {
  const recorded = recordedTables(new TextDecoder().decode(await readDecompressed(inspected)));
  const opened = openedTables(openDataFile(await loadDataFile(streamDecompressed(dataFile))));
  const missing = [...recorded].find((table) => !opened.has(table));
  if (missing !== undefined) return different(`the manifest log does not name ${missing}`);
  const extra = [...opened].find((table) => !recorded.has(table));
  if (extra !== undefined) return different(`the manifest log names ${extra}, which is not recorded`);
  return equal(`${opened.size} tables`);
}

export const manifest: Kind = {
  name: "manifest",
  discover(root, files) {
    const artefacts: Artefact[] = [];
    for (const inspected of files.filter((file) => file.endsWith(".inspect-tables.txt"))) {
      const name = inspected.slice(0, -".inspect-tables.txt".length);
      const dataFile = files.find((file) => withoutCompression(file) === `${name}.tigerbeetle`);
      if (dataFile === undefined) continue;
      artefacts.push({ name, kind: "manifest", check: () => check(join(root, dataFile), join(root, inspected)) });
    }
    return Promise.resolve(artefacts);
  },
};
