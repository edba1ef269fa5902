/** Values on a "disk" wherever that is possible, in small pages. */
import type { SpillStorage } from "@stagbeetle/vsr-protocol";
import type { SpillOptions } from "../src/spill/spill.ts";

/**
 * Every run goes to the disk, two pages at a time.
 *
 * @param pageSizeBytes two of the largest values of the forest's trees; of objects in tests unless said.
 */
export function smallSpill(storage: SpillStorage, pageSizeBytes: number = 512): SpillOptions {
  return { storage, pageSizeBytes, pagesAtOnce: 2, runSizeMinBytes: 0 };
}
