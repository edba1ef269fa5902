/**
 * The course of `inspect integrity`: one zone after the other, with a line of the log for each (spec 06 §6.11).
 */
import { startProgress } from "@stagbeetle/command-line";
import { BlockType, clientSessionsTrailer } from "@stagbeetle/vsr-protocol";
import type { Logger, SuperBlockImage } from "@stagbeetle/vsr-protocol";

import { chooseSuperBlock } from "./checkpoint.ts";
import type { DataFileReader } from "./data-file-reader.ts";
import { readFreeSet } from "./grid.ts";
import { checkGrid, checkReplies, checkWal, gridBlockCount, superblockDamage } from "./integrity.ts";
import type { Found, StoredCheckpoint } from "./integrity.ts";
import { readManifestLog } from "./manifest-log.ts";
import { readTrailer } from "./trailer.ts";

/** What is to be checked. The superblock always is. */
export interface IntegrityOptions {
  /** A u64: which table comes first. */
  readonly seed: bigint;
  readonly skip: { readonly wal: boolean; readonly clientReplies: boolean; readonly grid: boolean };
}

/** What was checked, and what is wrong. Counts are 0 for what was skipped. */
export interface IntegrityReport {
  readonly walSlots: number;
  readonly clientReplies: number;
  readonly gridBlocks: number;
  readonly seed: bigint;
  /** Each says where, and what is wrong there. */
  readonly damage: readonly string[];
}

/** Checks a data file. @throws InspectError if there is no superblock or free set to go by. */
export async function integrityReport(
  reader: DataFileReader,
  { seed, skip }: IntegrityOptions,
  logger: Logger,
): Promise<IntegrityReport> {
  const { journalSlotCount, clientsMax } = reader.config.cluster;
  const damage: string[] = [];
  const found = (what: string): void => {
    damage.push(what);
    logger.log("error", what);
  };
  const checkpoint = await openCheckpoint(reader, found);
  if (damage.length === 0) logger.log("info", "superblock opened and checked");
  const blocks = gridBlockCount(checkpoint.freeSet);
  if (!skip.wal) {
    await step(`${journalSlotCount} wal headers and prepares`, async (foundInPart) => {
      const progress = startProgress("inspect", "wal", journalSlotCount);
      await checkWal(reader, progress, foundInPart);
      progress.end();
    });
  }
  if (!skip.clientReplies) {
    await step(`${clientsMax} client replies`, (foundInPart) => checkReplies(reader, foundInPart));
  }
  if (!skip.grid) {
    logger.log("info", `checking ${blocks} grid blocks with seed ${seed}...`);
    await step(`${blocks} grid blocks`, async (foundInPart) => {
      const progress = startProgress("inspect", "grid", blocks);
      const startMs = performance.now();
      await checkGrid(reader, checkpoint, seed, progress, foundInPart);
      progress.end();
      return pace(blocks * reader.config.cluster.blockSize, performance.now() - startMs);
    });
  }
  return {
    walSlots: skip.wal ? 0 : journalSlotCount,
    clientReplies: skip.clientReplies ? 0 : clientsMax,
    gridBlocks: skip.grid ? 0 : blocks,
    seed,
    damage,
  };

  /** Says that a part is sound, or what is wrong with it; at its end, because a progress bar may be on the terminal. */
  async function step(what: string, check: (found: Found) => Promise<string | void>): Promise<void> {
    const foundInPart: string[] = [];
    const rate = await check((place) => foundInPart.push(place));
    for (const place of foundInPart) found(place);
    if (foundInPart.length === 0) logger.log("info", `successfully checked ${what}${rate ?? ""}`);
  }
}

const MIB = 2 ** 20;
const MS_PER_SECOND = 1000;

/** How fast it went. A file without blocks is checked in no time. */
function pace(sizeBytes: number, durationMs: number): string {
  const ms = Math.max(1, Math.round(durationMs));
  return ` in ${ms}ms. (${Math.round((sizeBytes / MIB / ms) * MS_PER_SECOND)}MiB/s)`;
}

/** Reads what the superblock refers to. */
async function openCheckpoint(reader: DataFileReader, found: Found): Promise<StoredCheckpoint> {
  const { checkpoint } = await openSuperBlock(reader, found);
  const freeSet = await readFreeSet(reader, checkpoint);
  const clientSessions = await readTrailer(reader, clientSessionsTrailer(checkpoint), BlockType.clientSessions);
  if (clientSessions.fault !== null) found(`client sessions: ${clientSessions.fault}`);
  const manifestLog = await readManifestLog(reader, checkpoint);
  if (manifestLog.fault !== null) found(`manifest log: ${manifestLog.fault}`);
  return { freeSet, clientSessions, manifestLog };
}

async function openSuperBlock(reader: DataFileReader, found: Found): Promise<SuperBlockImage> {
  const chosen = await chooseSuperBlock(reader, null);
  for (const what of superblockDamage(await reader.superblockCopies(), chosen)) found(what);
  return chosen;
}
