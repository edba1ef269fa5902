/**
 * Being told to stop, at a point where that is possible.
 */
import { setImmediate as turn } from "node:timers/promises";

import { EXIT_FAILURE } from "@stagbeetle/command-line";

const SIGNALS = ["SIGINT", "SIGTERM"] as const;

/** How long work goes on before signals and timers get their turn, in milliseconds. */
const TURN_MS = 50;

/** Remembers the first signal that asks the process to stop; the second one ends it at once. */
export class Interruption implements Disposable {
  readonly #onSignal = (signal: NodeJS.Signals): void => {
    if (this.#signal !== null) process.exit(EXIT_FAILURE);
    this.#signal = signal;
    this.#onInterrupted(signal);
  };
  readonly #onInterrupted: (signal: NodeJS.Signals) => void;
  #signal: NodeJS.Signals | null = null;

  /** @param onInterrupted is called at the first signal. */
  constructor(onInterrupted: (signal: NodeJS.Signals) => void = () => undefined) {
    this.#onInterrupted = onInterrupted;
    for (const signal of SIGNALS) process.on(signal, this.#onSignal);
  }

  /** The signal that came; null if none did. */
  get signal(): NodeJS.Signals | null {
    return this.#signal;
  }

  [Symbol.dispose](): void {
    for (const signal of SIGNALS) process.removeListener(signal, this.#onSignal);
  }
}

/** Calls `step` until it returns false or the process is told to stop, and `onTurn` now and then. */
export async function inTurns(step: () => boolean, interruption: Interruption, onTurn: () => void): Promise<void> {
  for (let more = true; more && interruption.signal === null;) {
    const end = performance.now() + TURN_MS;
    while (more && performance.now() < end) more = step();
    onTurn();
    await turn();
  }
}
