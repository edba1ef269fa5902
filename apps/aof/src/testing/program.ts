/**
 * Real programs as processes, for tests.
 */
import { spawn } from "node:child_process";
import type { ChildProcessWithoutNullStreams } from "node:child_process";
import { once } from "node:events";
import { resolve } from "node:path";

const AOF = resolve(import.meta.dirname, "../main.ts");
const STAGBEETLE = resolve(import.meta.dirname, "../../../replica/src/main.ts");

/** How a process ended, and what it printed. */
export interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A process that runs. */
export class Program {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #ended: Promise<unknown>;
  #stdout = "";
  #stderr = "";

  constructor(program: "aof" | "stagbeetle", args: readonly string[], directory: string) {
    const file = program === "aof" ? AOF : STAGBEETLE;
    this.#child = spawn(process.execPath, ["--conditions=@stagbeetle/source", file, ...args], {
      stdio: "pipe",
      cwd: directory,
    });
    this.#child.stdout.setEncoding("utf8").on("data", (text: string) => (this.#stdout += text));
    this.#child.stderr.setEncoding("utf8").on("data", (text: string) => (this.#stderr += text));
    this.#ended = once(this.#child, "close");
  }

  /** Waits until stderr matches. @throws Error if the process ends before. */
  async until(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const match = pattern.exec(this.#stderr);
      if (match !== null) return match;
      if (this.#child.exitCode !== null) throw new Error(`it ended without ${String(pattern)}: ${this.#stderr}`);
      await Promise.race([once(this.#child.stderr, "data"), this.#ended]);
    }
  }

  /** Sends a signal and waits for the end. */
  async end(signal: NodeJS.Signals): Promise<Ended> {
    this.#child.kill(signal);
    return this.ended();
  }

  /** Waits for the end. */
  async ended(): Promise<Ended> {
    await this.#ended;
    return { status: this.#child.exitCode, stdout: this.#stdout, stderr: this.#stderr };
  }
}
