/**
 * What a benchmark prints (spec 06 §7.4): lines as they come, or one JSON document at the end.
 */
import { jsonText } from "@stagbeetle/command-line";
import type { Terminal } from "@stagbeetle/command-line";

/** Collects the parts of the report. */
export class BenchmarkReport {
  readonly #terminal: Terminal;
  readonly #json: boolean;
  readonly #parts: Record<string, unknown> = {};

  constructor(terminal: Terminal, json: boolean) {
    this.#terminal = terminal;
    this.#json = json;
  }

  /** Adds a part: its name in the document, its content, and the lines that say the same to people. */
  add(name: string, content: unknown, lines: string): void {
    this.#parts[name] = content;
    if (!this.#json) this.#terminal.stdout(lines);
  }

  /** All parts were added. */
  end(): void {
    if (this.#json) this.#terminal.stdout(jsonText(this.#parts));
  }
}
