/**
 * Waiting in tests.
 *
 * @module
 */
import { setImmediate as turn } from "node:timers/promises";

/** Far beyond what anything here takes; only a test that fails gets there. */
const PATIENCE_MS = 20_000;

/** Lets the event loop turn until `condition` holds; `each` runs in every turn. */
export async function until(condition: () => boolean, each: () => void = () => undefined): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`it never came true: ${condition.toString()}`);
    each();
    await turn();
  }
}
