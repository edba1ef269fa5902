/**
 * Where lines for people and programs go.
 */
import { writeSync } from "node:fs";

/** The two streams of a process. Writing is synchronous: a line that was written is seen even if the process dies next. */
export interface Terminal {
  /** What was asked for. */
  readonly stdout: (text: string) => void;
  /** Errors and log lines. */
  readonly stderr: (text: string) => void;
}

const STDOUT = 1;
const STDERR = 2;

/** The terminal of this process. */
export const processTerminal: Terminal = {
  stdout: (text) => writeAll(STDOUT, text),
  stderr: (text) => writeAll(STDERR, text),
};

/** How long to wait for a reader that does not keep up, before the rest of the text is dropped. */
const RETRIES_MAX = 100;
const RETRY_DELAY_MS = 10;
const neverNotified = new Int32Array(new SharedArrayBuffer(4));

/**
 * Writes to a file, pipe or terminal. A full pipe that does not block is tried again for a second; a reader that is gone
 * is no reason to stop serving.
 */
function writeAll(fileDescriptor: number, text: string): void {
  const bytes = Buffer.from(text);
  let written = 0;
  for (let retry = 0; written < bytes.length && retry < RETRIES_MAX;) {
    try {
      written += writeSync(fileDescriptor, bytes, written);
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "EAGAIN")) return;
      Atomics.wait(neverNotified, 0, 0, RETRY_DELAY_MS);
      retry += 1;
    }
  }
}

/** Longer lines are cut: nothing an operator typed, and no fault, needs more. */
const LINE_LENGTH_MAX = 4096;

/** One line out of any text: control characters are escaped, so that no value can forge a second line or move a cursor. */
export function oneLine(text: string): string {
  const line = text.length > LINE_LENGTH_MAX ? `${text.slice(0, LINE_LENGTH_MAX)}…` : text;
  return line.replaceAll(/[\p{Cc}\p{Zl}\p{Zp}\u{200e}\u{200f}\u{202a}-\u{202e}\u{2066}-\u{2069}]/gu, escapeCharacter);
}

function escapeCharacter(character: string): string {
  if (character === "\n") return String.raw`\n`;
  return String.raw`\u{${(character.codePointAt(0) ?? 0).toString(16)}}`;
}
