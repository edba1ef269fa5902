/**
 * Log lines that say whose they are (spec 03 §29.2).
 *
 * @module
 */
import type { LogFields, Logger, LogLevel } from "../ports/logger.ts";

/** Puts `<index><status letter>:` before every message. */
export class PrefixedLogger implements Logger {
  readonly #logger: Logger;
  readonly #prefix: () => string;

  constructor(logger: Logger, prefix: () => string) {
    this.#logger = logger;
    this.#prefix = prefix;
  }

  /** Whether lines of the level are kept: else nothing needs to be put together for them. */
  enabled(level: LogLevel): boolean {
    return this.#logger.enabled(level);
  }

  /** Logs the message behind the prefix as it is now. */
  log(level: LogLevel, message: string, fields?: LogFields): void {
    if (!this.#logger.enabled(level)) return;
    this.#logger.log(level, `${this.#prefix()} ${message}`, fields);
  }
}
