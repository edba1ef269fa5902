/**
 * Formatting a simulated disk.
 *
 * @module
 */
import { assert, LinearMemory } from "@stagbeetle/kernels";
import { type Config, formatDataFile, type FormatOptions, Random, SILENT_LOGGER } from "@stagbeetle/vsr-protocol";

import type { SimulatedDisk } from "./disk.ts";
import { SimulatedStorage } from "./storage.ts";

/** More than formatting takes with any configuration. */
const MEMORY_SIZE_BYTES = 4 * 1024 * 1024;

/** Makes a data file of a disk, at once: nothing goes wrong with it meanwhile (spec 04 §25). */
export function formatDisk(
  disk: SimulatedDisk,
  options: FormatOptions & { readonly config: Config },
  random: Random = new Random(0),
): void {
  const storage = new SimulatedStorage({ config: options.config, disk, random });
  const memory = new LinearMemory({ sizeBytes: MEMORY_SIZE_BYTES, shared: false });
  let formatted = false;
  formatDataFile({ ...options, storage, memory, logger: SILENT_LOGGER }, () => (formatted = true));
  while (storage.step());
  assert(formatted, "the disk is not formatted");
}
