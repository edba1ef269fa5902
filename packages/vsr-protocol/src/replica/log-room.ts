/**
 * Keeping the log whole while nothing is checkpointed.
 *
 * A checkpoint lets the log forget. A state machine that cannot write one lives on its log alone: every op since the
 * beginning has to stay in it. So the primary stops taking requests before the first checkpoint would be due, and the
 * file remains one that a replica with checkpoints can open and go on with.
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import type { Logger } from "../ports/logger.ts";
import type { Time } from "../ports/time.ts";

/** How often the operator is told. */
const REPEAT_NS = 10_000_000_000n;

/** How far the log may grow. */
export class LogRoom {
  readonly #opMax: (() => number) | null;
  readonly #time: Time;
  readonly #logger: Logger;
  #toldAt: bigint | null = null;

  /** @param opMax the last op that the log can take, or null if checkpoints make room. */
  constructor(opMax: (() => number) | null, time: Time, logger: Logger) {
    this.#opMax = opMax;
    this.#time = time;
    this.#logger = logger;
  }

  /** Whether an op may be prepared. */
  allows(op: number): boolean {
    return this.#opMax === null || op <= this.#opMax();
  }

  /** Tells the operator why requests are dropped: at once, then every ten seconds while they keep coming. */
  refuse(): void {
    assert(this.#opMax !== null, "there is always room in a log that is checkpointed");
    const now = this.#time.monotonic();
    if (this.#toldAt !== null && now - this.#toldAt < REPEAT_NS) return;
    this.#toldAt = now;
    this.#logger.log(
      "error",
      "the write-ahead log is full and requests are dropped: this release keeps the state in memory and cannot write the checkpoint " +
        "that would make room. All that was acknowledged is in the data file. Stop this process and start the file with a release that writes checkpoints",
      { opMax: this.#opMax() },
    );
  }
}
