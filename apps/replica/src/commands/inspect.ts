/**
 * `stagbeetle inspect`: says what is in a data file, and never writes to it (spec 06 §6).
 */
import { randomBytes } from "node:crypto";

import { createLogger, jsonText, startProgress } from "@stagbeetle/command-line";
import type { Terminal } from "@stagbeetle/command-line";
import { PRODUCTION } from "@stagbeetle/vsr-protocol";
import type { Config } from "@stagbeetle/vsr-protocol";

import { chooseSuperBlock } from "../inspect/checkpoint.ts";
import { constantsReport, constantsText } from "../inspect/constants.ts";
import { DataFileReader } from "../inspect/data-file-reader.ts";
import { gridBlockText, readGridBlock } from "../inspect/grid-block.ts";
import { gridReport, gridText, readFreeSet } from "../inspect/grid.ts";
import { InspectError } from "../inspect/inspect-error.ts";
import { integrityReport } from "../inspect/integrity-report.ts";
import { readManifestLog } from "../inspect/manifest-log.ts";
import { manifestReport, manifestText } from "../inspect/manifest.ts";
import { messageSlotText, replySlotReport, walSlotReport } from "../inspect/message-slot.ts";
import { metricsReport, metricsText } from "../inspect/metrics.ts";
import { opReport, opText } from "../inspect/op.ts";
import { readReplies, repliesText } from "../inspect/replies.ts";
import { superblockReport, superblockText } from "../inspect/superblock.ts";
import { tablesReport, tablesText } from "../inspect/tables.ts";
import { walReport, walText } from "../inspect/wal.ts";
import type { Inspected, InspectCommand } from "./inspect-flags.ts";

/** What was found, for people and for programs, and what is wrong with it. */
interface Findings {
  readonly text: string;
  readonly report: unknown;
  /** Why the report is incomplete, or what it has found wrong; null if all is well. */
  readonly fault: string | null;
}

/**
 * Prints what was asked for.
 *
 * @throws DataFileError, InspectError; the latter also after printing, if something is wrong with the file.
 */
export async function inspect({ inspected, json }: InspectCommand, terminal: Terminal): Promise<void> {
  const { text, report, fault } = await findingsOf(inspected, PRODUCTION);
  terminal.stdout(json ? jsonText(report) : text);
  if (fault !== null) throw new InspectError(fault);
}

async function findingsOf(inspected: Inspected, config: Config): Promise<Findings> {
  switch (inspected.subject) {
    case "constants":
      return findings(constantsReport(config), constantsText);
    case "metrics":
      return findings(metricsReport(config), metricsText);
    case "op":
      return findings(opReport(config, inspected.op), opText);
    case "superblock":
    case "wal":
    case "replies":
    case "grid":
    case "manifest":
    case "tables":
    case "integrity": {
      const reader = await DataFileReader.open(inspected.path, config);
      try {
        return await findingsIn(reader, inspected);
      } finally {
        reader.close();
      }
    }
  }
}

type InspectedFile = Extract<Inspected, { readonly path: string }>;

async function findingsIn(reader: DataFileReader, inspected: InspectedFile): Promise<Findings> {
  const { config } = reader;
  switch (inspected.subject) {
    case "superblock": {
      const report = superblockReport(config, await reader.superblockCopies());
      const fault = report.fault === null ? null : `no superblock can be chosen: ${report.fault}`;
      return findings(report, superblockText, fault);
    }
    case "wal": {
      await chooseSuperBlock(reader, null);
      if (inspected.slot !== null) return findings(await walSlotReport(reader, inspected.slot), messageSlotText);
      const progress = startProgress("inspect", "wal", config.cluster.journalSlotCount);
      const report = await walReport(reader, progress);
      progress.end();
      return findings(report, walText);
    }
    case "integrity":
      return integrity(reader, inspected);
    case "replies":
    case "grid":
    case "manifest":
    case "tables":
      return findingsAtCheckpoint(reader, inspected);
  }
}

type InspectedCheckpoint = Extract<Inspected, { readonly superblockCopy: number | null }>;

async function findingsAtCheckpoint(reader: DataFileReader, inspected: InspectedCheckpoint): Promise<Findings> {
  const { config } = reader;
  const { checkpoint } = await chooseSuperBlock(reader, inspected.superblockCopy);
  switch (inspected.subject) {
    case "replies":
      if (inspected.slot === null) return findings(await readReplies(reader, checkpoint), repliesText);
      return findings(await replySlotReport(reader, checkpoint, inspected.slot), messageSlotText);
    case "grid":
      if (inspected.block !== null) return gridBlock(reader, inspected.block);
      return findings(gridReport(config, await readFreeSet(reader, checkpoint)), gridText);
    case "manifest": {
      const report = manifestReport(config, await readManifestLog(reader, checkpoint));
      return findings(report, manifestText, manifestFault(report.fault));
    }
    case "tables": {
      const manifestLog = await readManifestLog(reader, checkpoint);
      const report = tablesReport(config, manifestLog, inspected.tree, inspected.level);
      return findings(report, tablesText, manifestFault(manifestLog.fault));
    }
  }
}

async function gridBlock(reader: DataFileReader, address: number): Promise<Findings> {
  const report = await readGridBlock(reader, address);
  const { addressInHeader } = report;
  if (addressInHeader !== address) {
    createLogger("inspect").log("warn", `misdirected block: it is that of address ${addressInHeader}`);
  }
  return findings(report, gridBlockText);
}

function manifestFault(fault: string | null): string | null {
  return fault === null ? null : `manifest block not found: ${fault}`;
}

function findings<T>(report: T, text: (report: T) => string, fault: string | null = null): Findings {
  return { report, text: text(report), fault };
}

const SEED_SIZE_BYTES = 8;

/** What was checked and every damage goes to the log, as it is found. */
async function integrity(
  reader: DataFileReader,
  { skip, seed }: Extract<Inspected, { readonly subject: "integrity" }>,
): Promise<Findings> {
  const options = { skip, seed: seed ?? randomBytes(SEED_SIZE_BYTES).readBigUInt64LE() };
  const report = await integrityReport(reader, options, createLogger("integrity"));
  const [first] = report.damage;
  const count = report.damage.length === 1 ? "1 place" : `${report.damage.length} places`;
  const fault = first === undefined ? null : `the data file is damaged in ${count}, first: ${first}`;
  return findings(report, () => "", fault);
}
