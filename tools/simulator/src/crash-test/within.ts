/**
 * An end to waiting.
 */
import { setTimeout as sleep } from "node:timers/promises";

/** How long a cluster gets for an answer, in milliseconds. */
export const ANSWER_MS_MAX = 60_000;

/** @throws Error if the promise takes longer than {@link ANSWER_MS_MAX}. */
export async function within(promise: Promise<unknown>, describe: () => string): Promise<void> {
  const abort = new AbortController();
  const timeout = sleep(ANSWER_MS_MAX, null, { signal: abort.signal }).then(() => {
    throw new Error(describe());
  });
  try {
    await Promise.race([promise, timeout]);
  } finally {
    abort.abort();
    timeout.catch(() => undefined);
  }
}
