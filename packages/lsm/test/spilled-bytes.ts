/** A disk in memory for values that wait to be flushed. */
import type { SpillStorage } from "@stagbeetle/vsr-protocol";
import type { SpillOptions } from "../src/spill/spill.ts";

/** Grows with what is written. Damage can be done to it through `bytes`. */
export class SpilledBytes implements SpillStorage {
  bytes: Uint8Array = new Uint8Array(0);

  write(offset: number, bytes: Uint8Array): void {
    const end = offset + bytes.length;
    if (end > this.bytes.length) {
      const grown = new Uint8Array(Math.max(end, 2 * this.bytes.length));
      grown.set(this.bytes);
      this.bytes = grown;
    }
    this.bytes.set(bytes, offset);
  }

  read(offset: number, bytes: Uint8Array): void {
    bytes.set(this.bytes.subarray(offset, offset + bytes.length));
  }
}

/** Every run goes to the disk, in the smallest pages that the trees of tests have two values in. */
export function smallSpill(storage: SpillStorage): SpillOptions {
  return { storage, pageSizeBytes: 512, runSizeMinBytes: 0 };
}
