/**
 * A queue of calls to be made later: the simplest `nextTick`.
 *
 * @module
 */

/**
 * Collects callbacks and runs them when told to. Whoever drives a state machine without an event loop (a test, a tool,
 * a simulator) gives `queue.push` as `nextTick` and calls `run` after each step.
 */
export class CallQueue {
  #calls: (() => void)[] = [];

  /** Adds a call. Bound, so that it can be handed over as a function. */
  readonly push = (callback: () => void): void => {
    this.#calls.push(callback);
  };

  /** Makes all calls, also those that are added meanwhile. */
  run(): void {
    while (this.#calls.length > 0) {
      const calls = this.#calls;
      this.#calls = [];
      for (const call of calls) call();
    }
  }
}
