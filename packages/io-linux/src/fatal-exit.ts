/**
 * The end of a process that cannot go on (spec 01 §3.6, spec 06 §1.4).
 *
 * @module
 */
import { FatalError, type Logger } from "@stagbeetle/vsr-protocol";

/**
 * Ends the process when something is thrown that nobody catches, from a tick, a completion or a received message:
 *
 * - a `FatalError` with its message as one line and its reason as the exit status;
 * - everything else, a broken assertion first of all, with its stack and `SIGABRT` (status 134 in a shell).
 *
 * The logger has to write at once: the process ends right after the line. Nothing is unwound or saved: what is durable is durable, the rest is repaired at the next start.
 */
export function exitOnFatal(logger: Logger): void {
  process.on("uncaughtException", (error) => {
    if (error instanceof FatalError) {
      logger.log("error", error.message);
      process.exit(error.reason);
    }
    logger.log("error", error.stack ?? String(error));
    process.abort();
  });
}
