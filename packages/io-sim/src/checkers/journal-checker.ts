/**
 * That a log's headers in memory, its redundant headers and its prepares agree where it says that they do (spec 07 §12.5).
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";

import type { Machine } from "../cluster/machine.ts";

/** Looks at every slot, unless something is being written. Throws an AssertionError where the disk has something else. */
export function checkJournal(machine: Machine): void {
  const { journal, logOnDisk, index } = machine;
  if (journal.writesPending > 0) return;
  for (let slot = 0; slot < journal.slotCount; slot += 1) {
    const header = journal.headerForOp(slot);
    if (header === null || journal.hasDirty(header.op)) continue;
    assert(logOnDisk.hasPrepare(header), () => `replica ${index}: op ${header.op} is not dirty, and not on the disk`);
    assert(
      logOnDisk.hasHeader(header),
      () => `replica ${index}: op ${header.op} is not dirty, and its header is not on the disk`,
    );
    assert(logOnDisk.padded(header), () => `replica ${index}: the padding of op ${header.op} is not zero`);
  }
}
