/**
 * `stagbeetle format`: creates a data file (spec 06 §4.1, spec 04 §25).
 */
import { randomBytes } from "node:crypto";

import { createLogger } from "@stagbeetle/command-line";
import { type Logger, readU128 } from "@stagbeetle/vsr-protocol";

import type { FormatCommand } from "./format-flags.ts";
import { createDataFile } from "./new-data-file.ts";

/**
 * Creates the data file and makes it durable. If that fails, or the process is told to stop, nothing is left.
 *
 * @throws DataFileError, FatalError for everything that an operator can do something about.
 */
export async function format(command: FormatCommand): Promise<void> {
  const logger = createLogger("main");
  const { replica, replicaCount } = command;
  const cluster = command.cluster ?? randomCluster();
  await createDataFile(command, () => {
    warnOfCluster(command, cluster, logger);
    return { cluster, replica, replicaCount, view: 0 };
  });
  logger.log("info", `${replica}: formatted: cluster=${cluster} replica_count=${replicaCount}`);
}

/** A random id that is not 0. */
function randomCluster(): bigint {
  for (;;) {
    const bytes = randomBytes(16);
    const cluster = readU128(new DataView(bytes.buffer, bytes.byteOffset, bytes.length), 0);
    if (cluster !== 0n) return cluster;
  }
}

function warnOfCluster({ cluster: wanted, development }: FormatCommand, cluster: bigint, logger: Logger): void {
  if (wanted === null)
    logger.log("info", `generated random cluster id: ${cluster}; all replicas need --cluster=${cluster}`);
  if (cluster !== 0n || development) return;
  logger.log("warn", "a cluster id of 0 is reserved for testing and benchmarking, do not use in production");
  logger.log("warn", "omit --cluster=0 to generate a random cluster id");
}
