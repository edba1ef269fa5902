/**
 * The log: one line each to stderr, in the reference's form (spec 06 §1.5).
 */
import { configureSync, getLogger } from "@logtape/logtape";
import type { LogLevel as TapeLevel, LogRecord } from "@logtape/logtape";
import type { LogFields, Logger, LogLevel } from "@stagbeetle/vsr-protocol";

import { oneLine } from "./terminal.ts";
import type { Terminal } from "./terminal.ts";

/** All categories lie below this one, so that an application that embeds us can configure them together. */
const ROOT = "stagbeetle";

const TAPE_LEVELS: { readonly [level in LogLevel]: TapeLevel } = {
  error: "error",
  warn: "warning",
  info: "info",
  debug: "debug",
};

/** Sends the log of this process to a terminal, from `level` on. Until then it goes nowhere. */
export function startLog(terminal: Terminal, level: "info" | "debug"): void {
  configureSync({
    reset: true,
    sinks: { terminal: (record) => terminal.stderr(logLine(record)) },
    loggers: [
      { category: ROOT, sinks: ["terminal"], lowestLevel: level },
      { category: ["logtape", "meta"], sinks: ["terminal"], lowestLevel: "warning" },
    ],
  });
}

/** The logger of one part of the program. */
export function createLogger(scope: string): Logger {
  const tape = getLogger([ROOT, scope]);
  return {
    enabled: (level) => tape.isEnabledFor(TAPE_LEVELS[level]),
    log: (level, message, fields = {}) => {
      const text = oneLine(message + fieldsText(fields));
      tape.emit({
        level: TAPE_LEVELS[level],
        message: [text],
        rawMessage: text,
        timestamp: Date.now(),
        properties: fields,
      });
    },
  };
}

function fieldsText(fields: LogFields): string {
  return Object.entries(fields)
    .map(([name, value]) => ` ${name}=${String(value)}`)
    .join("");
}

/** `2026-11-21 04:05:06.789Z info(replica): …` */
export function logLine({ timestamp, level, category, message }: LogRecord): string {
  const time = new Date(timestamp).toISOString().replace("T", " ");
  const scope = category.slice(1).join(".");
  return `${time} ${level}${scope === "" ? "" : `(${scope})`}: ${message.map(String).join("")}\n`;
}
