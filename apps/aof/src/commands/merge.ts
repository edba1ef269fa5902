/**
 * `aof merge`: one chain out of the files of a cluster (spec 06 §2.10).
 */
import { unlinkSync } from "node:fs";

import { Merge, Survey } from "@stagbeetle/aof";
import type {
  EntryInfo,
  MergeEvent,
  MergeProblem,
  MergeProgress,
  MergeResult,
  ReadableFile,
  SurveyReport,
} from "@stagbeetle/aof";
import { createLogger, hex128, jsonText, startProgress } from "@stagbeetle/command-line";
import type { Terminal } from "@stagbeetle/command-line";
import { openAppendFile, openReadableFile } from "@stagbeetle/io-linux";
import type { SystemAppendFile } from "@stagbeetle/io-linux";
import { PRODUCTION } from "@stagbeetle/vsr-protocol";

import { AofError } from "../aof-error.ts";
import { inTurns, Interruption } from "../interruption.ts";
import { contentsText, entriesText, faultText, rangeText } from "../text.ts";
import type { MergeCommand } from "./command.ts";

/** How many places are kept for JSON. All are counted, and printed as text. */
const DAMAGED_KEPT_MAX = 1000;

/**
 * Writes the output, and says what was found as the reference does. What leads to nothing, or is interrupted, leaves no output.
 *
 * @throws DataFileError if the output exists or an input cannot be read. AofError if the inputs hold entries that are not in the
 * output: it ends where the chain does.
 */
export async function merge(command: MergeCommand, terminal: Terminal): Promise<void> {
  const inputs = command.paths.map(openReadableFile);
  const output = await openAppendFile({ path: command.output, create: "new" });
  const told = new Telling(command, terminal);
  told.line("Building checksum map...");
  const result = await mergeFiles(inputs, output, told).catch((error: unknown) => {
    unlinkSync(command.output);
    throw error;
  });
  if (result === null || (result.entries === 0 && result.problems.length > 0)) unlinkSync(command.output);
  else await synced(output);
  output.close();
  for (const input of inputs) input.close();
  if (result === null) throw new AofError(`interrupted: ${command.output} was removed`);
  const problems = result.problems.map((problem) => problemText(problem, command.paths));
  for (const problem of problems) told.warn(problem);
  if (problems.length > 0) {
    told.end(result, problems, null);
    throw new AofError(incompleteText(command.output, result, problems));
  }
  told.line(`Validating Output ${command.output}`);
  const report = validated(command.output);
  const { checksumFirst, checksumLast } = report;
  told.line(
    `AOF ${command.output} validated. Starting checksum: ${hex128(checksumFirst)} Ending checksum: ${hex128(checksumLast)}`,
  );
  told.end(result, problems, report);
}

/** @returns null if it was interrupted. */
async function mergeFiles(
  inputs: readonly ReadableFile[],
  output: SystemAppendFile,
  told: Telling,
): Promise<MergeResult | null> {
  using interruption = new Interruption();
  const merging = new Merge({ config: PRODUCTION, inputs, output, onEvent: (event) => told.event(event) });
  const shown = new PhaseProgress();
  await inTurns(
    () => merging.step(),
    interruption,
    () => shown.show(merging.progress),
  );
  shown.end();
  return interruption.signal === null ? merging.result : null;
}

async function synced(output: SystemAppendFile): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  output.sync(resolve);
  return promise;
}

/** Reads the output as a recovery will. */
function validated(path: string): SurveyReport {
  const file = openReadableFile(path);
  const survey = new Survey({ config: PRODUCTION, file });
  while (survey.next().kind !== "end");
  file.close();
  const report = survey.report();
  const [fault] = report.faults;
  if (fault !== undefined) throw new AofError(`${path}: what was written is damaged: ${faultText(fault)}`);
  return report;
}

/** Shows one bar after the other: for each pass over the inputs, and for each stretch of the output. */
class PhaseProgress {
  #phase: MergeProgress["phase"] = "done";
  #done = 0;
  #bar = startProgress("aof", "", 0);

  show({ phase, done, total }: MergeProgress): void {
    if (phase === "done") return;
    if (phase !== this.#phase || done < this.#done) {
      this.#bar.end();
      this.#bar = startProgress("aof", phase === "scanning" ? "bytes read" : "entries written", total);
      this.#phase = phase;
      this.#done = 0;
    }
    this.#bar.advance(done - this.#done);
    this.#done = done;
  }

  end(): void {
    this.#bar.end();
  }
}

/** One input that was read to its end. */
interface Scanned {
  readonly path: string;
  readonly entries: number;
}

/** A place without an entry. */
interface Damaged {
  readonly path: string;
  readonly offset: number;
  readonly sizeBytes: number;
  readonly fault: string;
}

/** Says what is found: on stdout the reference's lines, on stderr where it is; or all of it as JSON at the end. */
class Telling {
  readonly #command: MergeCommand;
  readonly #terminal: Terminal;
  readonly #logger = createLogger("aof");
  readonly #scanned: Scanned[] = [];
  readonly #damaged: Damaged[] = [];
  #damagedCount = 0;
  #rootChecksum = 0n;

  constructor(command: MergeCommand, terminal: Terminal) {
    this.#command = command;
    this.#terminal = terminal;
  }

  line(text: string): void {
    if (!this.#command.json) this.#terminal.stdout(`${text}\n`);
  }

  warn(text: string): void {
    this.#logger.log("warn", text);
  }

  event(event: MergeEvent): void {
    const path = this.#command.paths[event.input] ?? "";
    switch (event.kind) {
      case "root":
        this.#rootChecksum = event.checksum;
        this.line(`The root checksum will be ${hex128(event.checksum)} from ${path}.`);
        return;
      case "damaged":
        this.#damagedCount += 1;
        if (this.#damaged.length < DAMAGED_KEPT_MAX) {
          this.#damaged.push({ path, offset: event.offset, sizeBytes: event.sizeBytes, fault: event.fault });
        }
        this.line(`${path}: Skipping ${skippedText(event)}.`);
        this.warn(`${path}: byte ${event.offset}: ${event.fault}: ${event.sizeBytes} bytes are no entry`);
        return;
      case "scanned":
        this.#scanned.push({ path, entries: event.entries });
        this.line(`Finished processing ${path} - extracted ${event.distinct} usable entries.`);
    }
  }

  /** @param report of the output; null if it is not complete. */
  end(result: MergeResult, problems: readonly string[], report: SurveyReport | null): void {
    const { entries, opFirst, opLast, duplicates } = result;
    const { output, json } = this.#command;
    const contents = report === null ? entriesText(entries) : contentsText(report);
    this.#logger.log(
      "info",
      `${output}: ${contents}; ${duplicates} duplicates left out, ${this.#damagedCount} damaged places passed over`,
    );
    if (!json) return;
    const document = {
      output,
      complete: report !== null,
      entries,
      opFirst,
      opLast,
      rootChecksum: hex128(this.#rootChecksum),
      checksumFirst: hex128(result.checksumFirst),
      checksumLast: hex128(result.checksumLast),
      dataChecksum: report === null ? null : report.dataChecksum,
      duplicates,
      inputs: this.#scanned,
      damagedCount: this.#damagedCount,
      damaged: this.#damaged,
      problems,
    };
    this.#terminal.stdout(jsonText(document));
  }
}

/** In the reference's words, but where it would have given up the rest of the file. */
function skippedText({ fault, atEnd }: Extract<MergeEvent, { kind: "damaged" }>): string {
  if (fault === "AOFMagicNumberMismatch") return "entry with corrupted magic number";
  if (fault === "AOFShortRead") return atEnd ? "truncated entry at EOF" : "entry with corrupted size";
  return "entry with corrupted checksum";
}

function problemText(problem: MergeProblem, paths: readonly string[]): string {
  const at = ({ input, offset }: EntryInfo): string => `byte ${offset} of ${paths[input] ?? ""}`;
  switch (problem.kind) {
    case "missing":
      return `${rangeText(problem.ops)}: in none of the files, undamaged`;
    case "before_root":
      return `${rangeText(problem.ops)}: before op ${problem.opRoot}, with which the first file begins; name the file with the earliest op first`;
    case "forked": {
      const [one, other] = problem.places;
      return `op ${problem.op}: two different entries, at ${at(one)} and at ${at(other)}; these are not files of one cluster`;
    }
    case "broken_chain":
      return `op ${problem.op}: the entry at ${at(problem.place)} does not follow op ${problem.op - 1}`;
    case "foreign_cluster":
      return `the entry at ${at(problem.place)} is of cluster ${problem.cluster}, not ${problem.expected}`;
    case "changed":
      return problem.place === null
        ? `op ${problem.op}: its entry is gone: one of the files has changed meanwhile`
        : `op ${problem.op}: the entry at ${at(problem.place)} has changed meanwhile`;
    case "too_many_gaps":
      return `op ${problem.op}: at ${at(problem.place)} there are more gaps than can be kept apart`;
  }
}

function incompleteText(path: string, { entries, opLast }: MergeResult, problems: readonly string[]): string {
  const outcome = entries === 0 ? `${path} was not written` : `${path} is incomplete and ends with op ${opLast}`;
  const [first = ""] = problems;
  const more = problems.length > 1 ? ` (and ${problems.length - 1} more)` : "";
  return `${outcome}: ${first}${more}`;
}
