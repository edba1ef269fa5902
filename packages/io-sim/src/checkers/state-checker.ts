/**
 * What holds of the state of every replica at every moment (spec 07 §12.1): it follows the one history, keeps its promises
 * across crashes, and its checkpoints only go forward.
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import { Command, PrepareOkHeader } from "@stagbeetle/vsr-protocol";

import type { Machine } from "../cluster/machine.ts";
import type { Packet } from "../network/endpoint.ts";
import { commandOf } from "../network/rules.ts";
import type { History } from "./history.ts";

/** What a replica has promised: to have this op, in this view or a later one. */
interface Promised {
  view: number;
  op: number;
}

/** Watches all replicas. Throws an AssertionError at the first thing that is wrong. */
export class StateChecker {
  readonly #history: History;
  /** The highest prepare that each replica ever acknowledged. Survives its crashes. */
  readonly #promised: Map<number, Promised> = new Map();
  /** The newest checkpoint that was seen of each replica. */
  readonly #opCheckpoint: Map<number, number> = new Map();

  constructor(history: History) {
    this.#history = history;
  }

  /** The highest op and view that a replica acknowledged; zeros if none. */
  promised(replica: number): Readonly<Promised> {
    return this.#promised.get(replica) ?? { view: 0, op: 0 };
  }

  /** A replica sends something. */
  onSent(packet: Packet): void {
    if (commandOf(packet) !== Command.prepareOk) return;
    const { view, op, replica } = new PrepareOkHeader(packet.bytes);
    const before = this.promised(replica);
    if (view > before.view || (view === before.view && op > before.op)) this.#promised.set(replica, { view, op });
  }

  /** Between any two things that a replica does. */
  check(machine: Machine): void {
    const { index, replica, journal } = machine;
    const { view, logView, commitMin, commitMax, opCheckpoint, syncStage } = replica.state;
    const { view: viewPromised } = this.promised(index);
    assert(view >= logView, () => `replica ${index}: view ${view}, log_view ${logView}`);
    assert(view >= viewPromised, () => `replica ${index} is in view ${view}, but acknowledged in ${viewPromised}`);
    assert(commitMin <= commitMax, () => `replica ${index}: commit_min ${commitMin}, commit_max ${commitMax}`);
    assert(opCheckpoint <= commitMin, () => `replica ${index}: checkpoint ${opCheckpoint}, commit_min ${commitMin}`);
    const { opMax } = this.#history;
    assert(commitMin <= opMax, () => `replica ${index} is at op ${commitMin}, nobody executed more than ${opMax}`);
    this.#checkCheckpoint(index, opCheckpoint);
    // After a state sync a header that was never committed may still be in the slot of the checkpoint.
    if (commitMin === opCheckpoint || syncStage !== "idle") return;
    const header = journal.headerWithOp(commitMin);
    // The slot may have a newer op, and a view change may have taken the header out of a log that is being repaired.
    if (header === null) return;
    const { checksum } = this.#history.executed(commitMin);
    assert(
      header.checksum === checksum,
      () => `replica ${index} has executed op ${commitMin}, and has another one in its log`,
    );
  }

  /** The disk of a replica was lost, and all that it had promised with it. */
  forget(replica: number): void {
    this.#promised.delete(replica);
    this.#opCheckpoint.delete(replica);
  }

  #checkCheckpoint(replica: number, opCheckpoint: number): void {
    const before = this.#opCheckpoint.get(replica) ?? 0;
    assert(opCheckpoint >= before, () => `replica ${replica}: checkpoint ${opCheckpoint} after ${before}`);
    this.#opCheckpoint.set(replica, opCheckpoint);
  }
}
