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

  enabled(level: LogLevel): boolean {
    return this.#logger.enabled(level);
  }

  log(level: LogLevel, message: string, fields?: LogFields): void {
    if (!this.#logger.enabled(level)) return;
    this.#logger.log(level, `${this.#prefix()} ${message}`, fields);
  }
}
