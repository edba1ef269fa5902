/** Values on a "disk" wherever that is possible, in small pages. */
import type { SpillStorage } from "@stagbeetle/vsr-protocol";
import type { SpillOptions } from "../src/spill/spill.ts";

/** Every run goes to the disk, in the smallest pages that the trees of tests have two values in, two at a time. */
export function smallSpill(storage: SpillStorage): SpillOptions {
  return { storage, pageSizeBytes: 512, pagesAtOnce: 2, runSizeMinBytes: 0 };
}
