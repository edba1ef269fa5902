/**
 * What a program of the reference printed and how it ended (fixtures `*.debug.txt`, `*.merge.txt`).
 *
 * @module
 */
import { MalformedRecording } from "./messages.ts";

/** One run of a program. */
export interface CommandOutput {
  /** The program and its arguments. */
  readonly words: readonly string[];
  /** The exit status, or the signal that ended it. */
  readonly exit: string;
  readonly stdout: string;
  readonly stderr: string;
}

const FORMAT =
  /^\$ (?<command>[^\n]*)\nexit: (?<exit>[^\n]*)\n--- stdout\n(?<stdout>[\s\S]*)\n--- stderr\n(?<stderr>[\s\S]*)$/u;

/** Reads one run. */
export function commandOutput(text: string): CommandOutput {
  const groups = FORMAT.exec(text)?.groups;
  if (groups === undefined) throw new MalformedRecording("this is not the output of a command");
  const { command = "", exit = "", stdout = "", stderr = "" } = groups;
  return { words: command.split(" "), exit, stdout, stderr };
}
