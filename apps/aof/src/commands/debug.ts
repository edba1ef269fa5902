/**
 * `aof debug`: what a recovery would send, and one number for all of it (spec 06 §2.9).
 */
import { isatty } from "node:tty";

import { replayable, Survey } from "@stagbeetle/aof";
import type { AOFEntry, ReadableFile, SurveyReport } from "@stagbeetle/aof";
import { createLogger, hex128, jsonText, startProgress } from "@stagbeetle/command-line";
import type { Terminal } from "@stagbeetle/command-line";
import { openReadableFile } from "@stagbeetle/io-linux";
import { describeHeader, headerFields, PRODUCTION } from "@stagbeetle/vsr-protocol";

import { AofError } from "../aof-error.ts";
import { inTurns, Interruption } from "../interruption.ts";
import { contentsText, faultCountsText, faultText, operationText } from "../text.ts";
import type { DebugCommand } from "./command.ts";

/** Text is written in pieces of about this size. */
const PIECE_LENGTH = 65_536;
const STDOUT = 1;

/**
 * Prints the header of each entry that a recovery sends, up to the first place where the file is no chain of entries, and the data
 * checksum if there is no such place. JSON has all entries that can be read.
 *
 * @throws AofError if the file is no chain of entries, after all of it was read.
 */
export async function debug({ path, json }: DebugCommand, terminal: Terminal): Promise<void> {
  const file = openReadableFile(path);
  const listing = json ? new JsonListing(terminal) : new TextListing(terminal);
  const report = await survey(file, listing);
  const logger = createLogger("aof");
  listing.end(path, report);
  logger.log("info", `${path}: ${contentsText(report)}`);
  for (const fault of report.faults) logger.log("warn", `${path}: ${faultText(fault)}`);
  file.close();
  const [first] = report.faults;
  if (first !== undefined) {
    const counts = faultCountsText(report.faultCounts);
    throw new AofError(
      `${path}: ${first.fault} at byte ${first.offset}: not one chain of entries (${counts}); merge it first`,
    );
  }
}

async function survey(file: ReadableFile, listing: Listing): Promise<SurveyReport> {
  using interruption = new Interruption();
  const surveying = new Survey({ config: PRODUCTION, file });
  // On a terminal the listing shows how far it is.
  const progress = startProgress("aof", file.path, isatty(STDOUT) ? 0 : file.sizeBytes);
  let shown = 0;
  const step = (): boolean => {
    const found = surveying.next();
    if (found.kind === "fault") listing.onFault();
    if (found.kind === "entry" && replayable(found.entry.header.operation)) listing.onEntry(found.entry);
    return found.kind !== "end";
  };
  await inTurns(step, interruption, () => {
    progress.advance(surveying.offset - shown);
    shown = surveying.offset;
  });
  progress.end();
  if (interruption.signal !== null) throw new AofError(`interrupted by ${interruption.signal}`);
  return surveying.report();
}

/** What is printed of the entries, one after the other. */
interface Listing {
  onEntry(entry: AOFEntry): void;
  onFault(): void;
  end(path: string, report: SurveyReport): void;
}

/** Text that is written in large pieces. */
class Pieces {
  readonly #terminal: Terminal;
  #pending = "";

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  add(text: string): void {
    this.#pending += text;
    if (this.#pending.length >= PIECE_LENGTH) this.flush();
  }

  flush(): void {
    if (this.#pending !== "") this.#terminal.stdout(this.#pending);
    this.#pending = "";
  }
}

/** As the reference prints it. */
class TextListing implements Listing {
  readonly #pieces: Pieces;
  #ended = false;

  constructor(terminal: Terminal) {
    this.#pieces = new Pieces(terminal);
  }

  onEntry({ header }: AOFEntry): void {
    if (!this.#ended) this.#pieces.add(`${describeHeader(header)}\n`);
  }

  onFault(): void {
    this.#ended = true;
  }

  end(_path: string, { dataChecksum, faults }: SurveyReport): void {
    if (faults.length === 0) this.#pieces.add(`\nData checksum chain: ${dataChecksum}\n`);
    this.#pieces.flush();
  }
}

/** One document, written as it comes about. */
class JsonListing implements Listing {
  readonly #pieces: Pieces;
  #separator = "";

  constructor(terminal: Terminal) {
    this.#pieces = new Pieces(terminal);
    this.#pieces.add('{\n"prepares": [');
  }

  onEntry({ header }: AOFEntry): void {
    const fields = { ...Object.fromEntries(headerFields(header)), operation: operationText(header.operation) };
    this.#pieces.add(`${this.#separator}\n${JSON.stringify(fields)}`);
    this.#separator = ",";
  }

  onFault(): void {
    // The faults are in the summary, and what can be read behind them is listed.
  }

  end(path: string, report: SurveyReport): void {
    this.#pieces.add(`\n],\n"summary": ${jsonText(summaryOf(path, report))}}\n`);
    this.#pieces.flush();
  }
}

function summaryOf(path: string, report: SurveyReport): object {
  const { entries, opFirst, opLast, cluster, operations, replayable: replayed, faults, faultCounts } = report;
  return {
    path,
    cluster,
    entries,
    opFirst,
    opLast,
    checksumFirst: hex128(report.checksumFirst),
    checksumLast: hex128(report.checksumLast),
    operations: Object.fromEntries([...operations].map(([operation, count]) => [operationText(operation), count])),
    replayable: replayed,
    dataChecksum: faults.length === 0 ? report.dataChecksum : null,
    faults,
    faultCounts: [...faultCounts].map(([fault, count]) => ({ fault, count })),
  };
}
