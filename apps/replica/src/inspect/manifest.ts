/**
 * `inspect manifest`: the blocks of the manifest log (spec 06 §6.9).
 */
import { hex128, lines } from "@stagbeetle/command-line";
import { manifestEntryCountMax } from "@stagbeetle/grid";
import { ManifestEvent } from "@stagbeetle/lsm";
import type { Config } from "@stagbeetle/vsr-protocol";

import type { ManifestBlock, StoredManifestLog } from "./manifest-log.ts";

/** One block of the log. Counts of entries by level. */
export interface ManifestBlockReport {
  readonly address: number;
  readonly checksum: string;
  readonly entries: number;
  readonly entriesMax: number;
  readonly insert: readonly number[];
  readonly update: readonly number[];
  readonly remove: readonly number[];
}

/** The log, the newest block first. */
export interface ManifestReport {
  readonly blocks: readonly ManifestBlockReport[];
  /** Why the next block could not be read, or null. */
  readonly fault: string | null;
}

/** What `inspect manifest` says of a manifest log, whole or up to a fault. */
export function manifestReport(config: Config, { blocks, fault }: StoredManifestLog): ManifestReport {
  return { blocks: blocks.map((block) => blockReport(config, block)), fault };
}

function blockReport(config: Config, { reference, entries }: ManifestBlock): ManifestBlockReport {
  const countsOf = (event: ManifestEvent): readonly number[] =>
    Array.from(
      { length: config.cluster.lsmLevels },
      (_, level) => entries.filter((entry) => entry.event === event && entry.level === level).length,
    );
  return {
    address: reference.address,
    checksum: hex128(reference.checksum),
    entries: entries.length,
    entriesMax: manifestEntryCountMax(config),
    insert: countsOf(ManifestEvent.insert),
    update: countsOf(ManifestEvent.update),
    remove: countsOf(ManifestEvent.remove),
  };
}

/** As the reference prints it. */
export function manifestText({ blocks }: ManifestReport): string {
  return lines(
    blocks.map((block, index) => {
      const { address, checksum, entries, entriesMax, insert, update, remove } = block;
      const counts = `insert=${insert.join(",")} update=${update.join(",")} remove=${remove.join(",")}`;
      const place = `address=${address} checksum=${checksum}`;
      return `manifest_log.blocks[${index}]: ${place} entries=${entries}/${entriesMax} ${counts}`;
    }),
  );
}
