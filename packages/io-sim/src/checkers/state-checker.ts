/**
 * What holds of the state of every replica at every moment (spec 07 §12.1): it follows the one history, keeps its promises
 * across crashes, its checkpoints only go forward, and one that lost its disk begins anew when its promises are void.
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import { Command, PrepareOkHeader } from "@stagbeetle/vsr-protocol";

import type { Machine } from "../cluster/machine.ts";
import type { Packet } from "../network/endpoint.ts";
import { commandOf } from "../network/rules.ts";
import type { History } from "./history.ts";

/** What was seen of one replica. Survives its crashes. */
interface Seen {
  /** The highest prepare that it acknowledged, by view and then by op: it has promised to have it. */
  viewPromised: number;
  opPromised: number;
  /** The highest op that it executed. */
  opExecuted: number;
  /** Its newest checkpoint. */
  opCheckpoint: number;
}

/** Watches all replicas. Throws an AssertionError at the first thing that is wrong. */
export class StateChecker {
  readonly #history: History;
  /** By the index of the replica. */
  readonly #seen: Map<number, Seen> = new Map();

  constructor(history: History) {
    this.#history = history;
  }

  /** A replica sends something. */
  onSent(packet: Packet): void {
    if (commandOf(packet) !== Command.prepareOk) return;
    const { view, op, replica } = new PrepareOkHeader(packet.bytes);
    const seen = this.#of(replica);
    if (view < seen.viewPromised || (view === seen.viewPromised && op <= seen.opPromised)) return;
    seen.viewPromised = view;
    seen.opPromised = op;
  }

  /** Between any two things that a replica does. */
  check(machine: Machine): void {
    const { index, replica, journal } = machine;
    const { view, logView, commitMin, commitMax, opCheckpoint, syncStage } = replica.state;
    const seen = this.#of(index);
    const { viewPromised } = seen;
    assert(view >= logView, () => `replica ${index}: view ${view}, log_view ${logView}`);
    assert(view >= viewPromised, () => `replica ${index} is in view ${view}, but acknowledged in ${viewPromised}`);
    assert(commitMin <= commitMax, () => `replica ${index}: commit_min ${commitMin}, commit_max ${commitMax}`);
    assert(opCheckpoint <= commitMin, () => `replica ${index}: checkpoint ${opCheckpoint}, commit_min ${commitMin}`);
    const { opMax } = this.#history;
    assert(commitMin <= opMax, () => `replica ${index} is at op ${commitMin}, nobody executed more than ${opMax}`);
    assert(
      opCheckpoint >= seen.opCheckpoint,
      () => `replica ${index}: checkpoint ${opCheckpoint} after ${seen.opCheckpoint}`,
    );
    seen.opCheckpoint = opCheckpoint;
    seen.opExecuted = Math.max(seen.opExecuted, commitMin);
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

  /**
   * A replica whose disk was lost is about to begin anew, in `view`, and knows nothing of what it had promised. So the others
   * must have executed what it acknowledged, or something else in its place, and the view must be one that it was never in
   * (spec 07 §11.5, §12.1.6).
   */
  onReformat(replica: number, view: number): void {
    const { viewPromised, opPromised } = this.#of(replica);
    this.#seen.delete(replica);
    const executed = Math.max(0, ...[...this.#seen.values()].map(({ opExecuted }) => opExecuted));
    assert(
      executed >= opPromised,
      () => `replica ${replica} is formatted again: it acknowledged op ${opPromised}, the others executed ${executed}`,
    );
    assert(
      view > viewPromised,
      () => `replica ${replica} is formatted again for view ${view}: it acknowledged in view ${viewPromised}`,
    );
  }

  #of(replica: number): Seen {
    let seen = this.#seen.get(replica);
    if (seen === undefined) {
      seen = { viewPromised: 0, opPromised: 0, opExecuted: 0, opCheckpoint: 0 };
      this.#seen.set(replica, seen);
    }
    return seen;
  }
}
