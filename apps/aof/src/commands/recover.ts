/**
 * `aof recover`: a new cluster out of a chain of entries (spec 06 §2.11).
 */
import { Survey } from "@stagbeetle/aof";
import type { SurveyReport } from "@stagbeetle/aof";
import { createLogger, hex128, jsonText, startProgress } from "@stagbeetle/command-line";
import type { Terminal } from "@stagbeetle/command-line";
import { openReadableFile } from "@stagbeetle/io-linux";
import { PRODUCTION } from "@stagbeetle/vsr-protocol";

import { AofError } from "../aof-error.ts";
import { inTurns, Interruption } from "../interruption.ts";
import { ProgressFile } from "../recovery/progress-file.ts";
import type { Position } from "../recovery/progress-file.ts";
import { Recovery } from "../recovery/recovery.ts";
import { contentsText, faultText, operationText } from "../text.ts";
import type { RecoverCommand } from "./command.ts";

/**
 * Checks the whole file, then sends what is to be sent of it, one request after the other.
 *
 * @throws DataFileError, AofError if the file is no chain of entries of one cluster, before anything is sent; or if the cluster is
 * not the right one; or if it is interrupted. FatalError from the event loop.
 */
export async function recover(command: RecoverCommand, terminal: Terminal): Promise<void> {
  const logger = createLogger("aof");
  const report = await checked(command);
  const { cluster, replayable } = report;
  logger.log("info", `${command.path}: ${contentsText(report)}`);
  if (replayable === 0 || cluster === null) {
    logger.log("info", `${command.path}: there is nothing to send`);
    tell(command, terminal, report, { requests: 0, resumed: false });
    return;
  }
  const position = startingPosition(command, report);
  const resumed = position.opCluster > 0;
  if (resumed) logger.log("info", `going on behind op ${position.opCluster} of the cluster's log`);
  const recovery = new Recovery({ command, report, cluster, position });
  const requests = await recovery.run();
  logger.log(
    "info",
    `cluster ${cluster}: recovered: ${requests} requests sent, ${report.entries - replayable} entries left out; data checksum ${report.dataChecksum}`,
  );
  logger.log("info", "compare it with that of the replicas' own files, then restart them without --aof-recovery");
  tell(command, terminal, report, { requests, resumed });
}

/** Reads the whole file, so that nothing is sent of one that cannot be sent to its end. */
async function checked({ path, cluster }: RecoverCommand): Promise<SurveyReport> {
  using interruption = new Interruption();
  const file = openReadableFile(path);
  const survey = new Survey({ config: PRODUCTION, file });
  const progress = startProgress("aof", "bytes checked", file.sizeBytes);
  let shown = 0;
  const step = (): boolean => survey.next().kind !== "end";
  await inTurns(step, interruption, () => {
    progress.advance(survey.offset - shown);
    shown = survey.offset;
  });
  progress.end();
  file.close();
  if (interruption.signal !== null) throw new AofError(`interrupted by ${interruption.signal}: nothing was sent`);
  const report = survey.report();
  const [fault] = report.faults;
  if (fault !== undefined) {
    for (const each of report.faults) createLogger("aof").log("warn", `${path}: ${faultText(each)}`);
    throw new AofError(`${path}: ${faultText(fault)}: nothing was sent; send what \`aof merge\` makes of it`);
  }
  if (report.foreign > 0) throw new AofError(`${path}: it has entries of several clusters: nothing was sent`);
  if (cluster !== null && report.cluster !== null && report.cluster !== cluster) {
    throw new AofError(`${path}: it is of cluster ${report.cluster}, not ${cluster}: nothing was sent`);
  }
  return report;
}

/** Where to begin: at the beginning, or where an earlier recovery of the same chain was interrupted. */
function startingPosition(command: RecoverCommand, report: SurveyReport): Position {
  const { progressPath, resume, path } = command;
  const chain = { checksumFirst: hex128(report.checksumFirst), checksumLast: hex128(report.checksumLast) };
  const beginning: Position = { ...chain, attempt: 0, opCluster: 0, sending: null, release: 0, op: 0, offset: 0 };
  const found = ProgressFile.read(progressPath);
  if (found === null) {
    if (resume) throw new AofError(`${progressPath}: there is nothing to go on with; leave out --resume`);
    return beginning;
  }
  if (found.checksumFirst !== chain.checksumFirst || found.checksumLast !== chain.checksumLast) {
    throw new AofError(`${progressPath}: it is of another file than ${path}; remove it if it is not needed any more`);
  }
  if (found.release !== 0 && !report.replayableReleases.includes(found.release)) {
    throw new AofError(`${progressPath}: it is damaged: ${path} has no requests of release ${found.release}`);
  }
  // Nothing was answered yet: to begin anew is the same as to go on.
  if (found.opCluster === 0) return beginning;
  if (!resume) {
    throw new AofError(
      `${progressPath}: an earlier recovery was interrupted; go on with --resume, or remove this file to begin anew with a fresh cluster`,
    );
  }
  return { ...found, attempt: found.attempt + 1 };
}

/** What came of it, for programs. */
interface Outcome {
  readonly requests: number;
  readonly resumed: boolean;
}

function tell({ path, json }: RecoverCommand, terminal: Terminal, report: SurveyReport, outcome: Outcome): void {
  if (!json) return;
  const { cluster, entries, replayable, operations, dataChecksum } = report;
  const counts = Object.fromEntries([...operations].map(([operation, count]) => [operationText(operation), count]));
  terminal.stdout(jsonText({ path, cluster, entries, replayable, operations: counts, dataChecksum, ...outcome }));
}
