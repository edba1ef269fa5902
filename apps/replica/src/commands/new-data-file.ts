/**
 * A new data file, written whole or not left at all: what `format` and `recover` have in common.
 */
import { unlinkSync } from "node:fs";

import { createLogger } from "@stagbeetle/command-line";
import { type DataFile, FileStorage, openDataFile } from "@stagbeetle/io-linux";
import { LinearMemory } from "@stagbeetle/kernels";
import { formatDataFile, type FormatOptions, PRODUCTION } from "@stagbeetle/vsr-protocol";

import { RELEASE } from "../release.ts";
import { untilDone } from "../until-done.ts";

/** Rings of headers and superblock copies, and a sector for each write under way: half a megabyte, with room to spare. */
const MEMORY_SIZE_BYTES = 2 ** 20;

/** Whose data file to write, and the first view that it may take part in. */
export type DataFileContent = Omit<FormatOptions, "release">;

/** Where the file is to be, and whether it may do without direct I/O and reserved space. */
export interface NewDataFileOptions {
  readonly path: string;
  readonly development: boolean;
}

/**
 * Creates the data file, asks what goes into it, and makes that durable. If anything fails, or the process is told to stop,
 * nothing is left.
 *
 * @throws DataFileError, FatalError for everything that an operator can do something about.
 */
export async function createDataFile(
  { path, development }: NewDataFileOptions,
  contentOf: () => DataFileContent | Promise<DataFileContent>,
): Promise<void> {
  const file = await openDataFile({
    path,
    purpose: "format",
    config: PRODUCTION,
    directIo: development ? "optional" : "required",
    logger: createLogger("storage"),
  });
  try {
    const content = await contentOf();
    await untilDone((done) => writeDataFile(file, content, done));
  } catch (error) {
    // Writes may still be under way, so the file is not closed: the process ends with this error.
    if (file.kind === "regular_file") unlinkSync(path);
    throw error;
  }
  file.close();
}

/** Writes everything that a new data file consists of. @throws FatalError, from a completion */
function writeDataFile(file: DataFile, content: DataFileContent, done: () => void): void {
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
