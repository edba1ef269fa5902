/**
 * That append-only files hold what was executed (spec 07 §12.6).
 *
 * @module
 */
import { Iterator } from "@stagbeetle/aof";
import { assert } from "@stagbeetle/kernels";
import type { Config } from "@stagbeetle/vsr-protocol";

import type { Machine } from "../cluster/machine.ts";
import type { History } from "./history.ts";

/** What is known of the file of a machine: `ended`, that it has the last op that was executed, or `running`. */
export type AOFExpectation = "ended" | "running";

/**
 * Goes through the file of a machine. Ops may be missing, because of a state sync, or there again, after a restart; and each
 * power failure may have left one entry incomplete.
 *
 * @returns how many entries there are.
 * @throws AssertionError for an entry that nobody executed, more damage than power failures leave, or another last entry.
 */
export function checkAof(
  { index, aofFile, lives, up }: Machine,
  { config, history, expectation }: { config: Config; history: History; expectation: AOFExpectation },
): number {
  const iterator = new Iterator({ config, file: aofFile, validateChain: false });
  let entries = 0;
  let faults = 0;
  let opLast = 0;
  for (let step = iterator.next(); step.kind !== "end"; step = iterator.next()) {
    if (step.kind === "fault") {
      faults += 1;
      iterator.skipFault(step.fault);
      continue;
    }
    const { op, checksum } = step.entry.header;
    assert(
      op <= history.opMax && history.executed(op).checksum === checksum,
      () => `replica ${index}: the append-only file has an op ${op} that nobody executed`,
    );
    entries += 1;
    opLast = op;
  }
  const failures = up ? lives - 1 : lives;
  assert(faults <= failures, () => `replica ${index}: ${faults} faults in the file after ${failures} power failures`);
  const ended = expectation === "running" || opLast === history.opMax;
  assert(ended, () => `replica ${index}: the append-only file ends with op ${opLast}, not ${history.opMax}`);
  return entries;
}
