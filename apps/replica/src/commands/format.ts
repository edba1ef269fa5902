/**
 * `stagbeetle format`: creates a data file (spec 06 §4.1, spec 04 §25).
 */
import { randomBytes } from "node:crypto";
import { unlinkSync } from "node:fs";

import { createLogger } from "@stagbeetle/command-line";
import { FileStorage, openDataFile } from "@stagbeetle/io-linux";
import type { DataFile } from "@stagbeetle/io-linux";
import { LinearMemory } from "@stagbeetle/kernels";
import { formatDataFile, PRODUCTION, readU128 } from "@stagbeetle/vsr-protocol";
import type { FormatOptions, Logger } from "@stagbeetle/vsr-protocol";

import { RELEASE } from "../release.ts";
import { untilDone } from "../until-done.ts";
import type { FormatCommand } from "./format-flags.ts";

/** Rings of headers and superblock copies, and a sector for each write under way: half a megabyte, with room to spare. */
const MEMORY_SIZE_BYTES = 2 ** 20;

/**
 * Creates the data file and makes it durable. If that fails, or the process is told to stop, nothing is left.
 *
 * @throws DataFileError, FatalError for everything that an operator can do something about.
 */
export async function format(command: FormatCommand): Promise<void> {
  const logger = createLogger("main");
  const { path, development, replica, replicaCount } = command;
  const cluster = command.cluster ?? randomCluster();
  const file = await openDataFile({
    path,
    purpose: "format",
    config: PRODUCTION,
    directIo: development ? "optional" : "required",
    logger: createLogger("storage"),
  });
  warnOfCluster(command, cluster, logger);
  try {
    await untilDone((done) => writeDataFile(file, { cluster, replica, replicaCount, view: 0 }, done));
  } catch (error) {
    // Writes may still be under way, so the file is not closed: the process ends with this error.
    if (file.kind === "regular_file") unlinkSync(path);
    throw error;
  }
  file.close();
  logger.log("info", `${replica}: formatted: cluster=${cluster} replica_count=${replicaCount}`);
}

/** Whose data file to write, and the first view that it may take part in. */
export type DataFileContent = Omit<FormatOptions, "release">;

/** Writes everything that a new data file consists of. @throws FatalError, from a completion */
export function writeDataFile(file: DataFile, content: DataFileContent, done: () => void): void {
  const logger = createLogger("storage");
  formatDataFile(
    {
      ...content,
      release: RELEASE,
      config: PRODUCTION,
      storage: new FileStorage({ config: PRODUCTION, file, logger }),
      memory: new LinearMemory({ sizeBytes: MEMORY_SIZE_BYTES }),
      logger: createLogger("superblock"),
    },
    done,
  );
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
