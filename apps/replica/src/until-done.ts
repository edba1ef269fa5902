/**
 * Waiting for work that reports by callback and fails by throwing from a callback of its own.
 */

const SIGNALS = ["SIGINT", "SIGTERM"] as const;

/** The process was told to stop while it did something that cannot be left half done. */
export class InterruptedError extends Error {
  override readonly name = "InterruptedError";
}

/** Waits for `work` to end. @throws InterruptedError if a signal asks the process to stop before: the work goes on then. */
export async function unlessInterrupted<Result>(work: () => Promise<Result>): Promise<Result> {
  const { promise: interrupted, reject } = Promise.withResolvers<never>();
  const onSignal = (signal: NodeJS.Signals): void => reject(new InterruptedError(`interrupted by ${signal}`));
  for (const signal of SIGNALS) process.on(signal, onSignal);
  try {
    return await Promise.race([work(), interrupted]);
  } finally {
    for (const signal of SIGNALS) process.removeListener(signal, onSignal);
  }
}

/**
 * Runs `start` and waits until it calls back.
 *
 * The storage throws out of the event loop what it cannot recover from, and there is nobody but the process to catch it.
 * While the work is under way it is caught here, and so are the signals that ask the process to stop.
 */
export async function untilDone(start: (done: () => void) => void): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  process.on("uncaughtException", reject);
  try {
    await unlessInterrupted(async () => {
      start(resolve);
      return promise;
    });
  } finally {
    process.removeListener("uncaughtException", reject);
  }
}
