/**
 * Making a file durable under its name.
 *
 * @module
 */
import { closeSync, constants, fsyncSync, openSync } from "node:fs";
import { systemErrorCode } from "./data-file-error.ts";

/** Syncs a file and the directory that it is in, so that neither what it holds nor its name can be lost. */
export function makeDurableByName(fileDescriptor: number, directory: string): void {
  fsyncSync(fileDescriptor);
  const directoryDescriptor = openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    fsyncSync(directoryDescriptor);
  } catch (error) {
    // Some network file systems refuse to sync directories; they have no way of losing an entry separately.
    if (systemErrorCode(error) !== "EINVAL") throw error;
  } finally {
    closeSync(directoryDescriptor);
  }
}
