/**
 * The status of a replica: whether, and how, it takes part in the protocol (spec 03 §4).
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";

/**
 * - `normal`: in `view = log_view`; the primary orders requests, the others follow.
 * - `view_change`: trying to start `view`.
 * - `recovering`: starting. A solo replica stays in it until its log is replayed.
 * - `recovering_head`: damage hides the head of the log; waits for another replica to tell.
 */
export type ReplicaStatus = "normal" | "view_change" | "recovering" | "recovering_head";

/** What follows what. `recovering` is only ever the first status. */
const SUCCESSORS: { readonly [From in ReplicaStatus]: readonly ReplicaStatus[] } = {
  recovering: ["normal", "view_change", "recovering_head"],
  recovering_head: ["normal"],
  normal: ["view_change"],
  view_change: ["view_change", "normal"],
};

/** The status in metrics: the numbers that dashboards know (spec 03 §4.1). */
export const STATUS_METRIC: { readonly [Name in ReplicaStatus]: number } = {
  normal: 0,
  view_change: 1,
  recovering: 2,
  recovering_head: 3,
};

/** The letter of the status in log lines; capital for the primary of the view (spec 03 §29.2). */
export function statusLetter(status: ReplicaStatus, primary: boolean): string {
  const letter = status === "recovering_head" ? "h" : status.charAt(0);
  return primary ? letter.toUpperCase() : letter;
}

/** The status of one replica. The only place where it changes. */
export class Status {
  #current: ReplicaStatus = "recovering";

  /** The status as it is now. */
  get current(): ReplicaStatus {
    return this.#current;
  }

  /** Whether the view has started and this replica is in it. */
  get normal(): boolean {
    return this.#current === "normal";
  }

  /** Moves on. @throws AssertionError if `next` cannot follow. */
  transition(next: ReplicaStatus): void {
    assert(SUCCESSORS[this.#current].includes(next), () => `status ${next} after ${this.#current}`);
    this.#current = next;
  }
}
