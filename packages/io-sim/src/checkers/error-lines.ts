/**
 * What replicas say of each other: where crashes, networks and disks fail and nobody forges anything, none contradicts another.
 *
 * A replica that gets a message which cannot be drops it and logs an error, where the specification lets it stop. Without this
 * checker a run would go on in silence where it has found a mistake of the protocol.
 *
 * @module
 */
import { fail } from "@stagbeetle/kernels";
import type { LogFields, Logger, LogLevel } from "@stagbeetle/vsr-protocol";

/** How error lines begin that a damaged disk, or a clock that is off, is reason enough for. */
const EXPECTED = [
  "grid: a block is damaged",
  "clock: no agreement on cluster time",
  "on_join_view: quorum received, deadlocked",
  "the stored reply of a client is damaged",
] as const;

/** A logger that fails at an error line which nothing that is simulated explains. All lines go on to another logger. */
export class ErrorLines implements Logger {
  readonly #logger: Logger;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  enabled(level: LogLevel): boolean {
    return level === "error" || this.#logger.enabled(level);
  }

  /** @throws AssertionError */
  log(level: LogLevel, message: string, fields?: LogFields): void {
    this.#logger.log(level, message, fields);
    if (level !== "error" || EXPECTED.some((part) => message.includes(part))) return;
    const text = Object.entries(fields ?? {}).map(([name, value]) => ` ${name}=${value}`);
    fail(`an error that nothing explains: ${message}${text.join("")}`);
  }
}
