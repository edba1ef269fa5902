/**
 * The port to the log.
 *
 * @module
 */

/** Levels as the reference has them. */
export type LogLevel = "error" | "warn" | "info" | "debug";

/** Values that a log line carries beside its message. */
export type LogFields = { readonly [name: string]: string | number | bigint | boolean };

/**
 * Takes log lines. The core logs what an operator wants at `info`, single messages at `debug`.
 *
 * Callers on a hot path ask `enabled` first, so that no line is built that nobody reads.
 */
export interface Logger {
  enabled(level: LogLevel): boolean;
  log(level: LogLevel, message: string, fields?: LogFields): void;
}

/** A logger that drops everything. */
export const SILENT_LOGGER: Logger = {
  enabled: () => false,
  log: () => undefined,
};
