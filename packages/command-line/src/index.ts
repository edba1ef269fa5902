/**
 * What programs for a shell share: arguments by the reference's rules, lines, a log, progress, and how a process ends.
 *
 * @packageDocumentation
 */

// Arguments.
export { CommandLineError } from "./command-line-error.ts";
export { optional, required, toggle } from "./flags.ts";
export type { Flag, FlagsOf } from "./flags.ts";
export { flagsHelp } from "./help.ts";
export { parseArguments } from "./parse-arguments.ts";
export type { ArgumentsDeclaration, ParsedArguments } from "./parse-arguments.ts";
export { subcommandRequired, unknownSubcommand } from "./subcommand.ts";
export { suggestion } from "./suggestion.ts";

// Values.
export { oneOf } from "./choice.ts";
export { formatDuration, parseDuration } from "./duration.ts";
export { parseUnsigned, unsigned, unsignedBig } from "./integer.ts";
export { parseRatio } from "./ratio.ts";
export type { Ratio } from "./ratio.ts";
export { parseSeed } from "./seed.ts";
export { formatSize, parseSize } from "./size.ts";
export type { Size } from "./size.ts";
export { parseText } from "./value.ts";
export type { ParsedValue, ValueParser } from "./value.ts";

// What is printed.
export { jsonText } from "./json.ts";
export { createLogger, startLog } from "./log.ts";
export { startProgress } from "./progress.ts";
export type { Progress } from "./progress.ts";
export { processTerminal } from "./terminal.ts";
export type { Terminal } from "./terminal.ts";
export { hex128, lines, snakeCase } from "./text.ts";

// The process, from its arguments to its end.
export { runMain } from "./run-main.ts";
export type { Run } from "./run-main.ts";
export { endProcessOnUncaught } from "./crash.ts";
export type { Ending } from "./crash.ts";
export { EXIT_ABORTED, EXIT_FAILURE, EXIT_SUCCESS, EXIT_UNHEALTHY } from "./exit-status.ts";
export { bugReport, operatorReport } from "./report.ts";
export type { Report, ReportOf } from "./report.ts";
