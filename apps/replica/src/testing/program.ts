/**
 * The real programs as processes, for tests.
 */
import { spawn } from "node:child_process";
import type { ChildProcessWithoutNullStreams } from "node:child_process";
import { once } from "node:events";
import { resolve } from "node:path";

/** A program of this app: `stagbeetle`, or what `pnpm start` runs. */
export type ProgramName = "main" | "development";

/** How a process ended, and what it printed. */
export interface Ended {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A process that runs. */
export class Program {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #ended: Promise<Ended>;
  #stdout = "";
  #stderr = "";

  /** @param directory in which it runs. */
  constructor(args: readonly string[], directory = ".", name: ProgramName = "main") {
    const script = resolve(import.meta.dirname, "..", `${name}.ts`);
    const parameters = ["--conditions=@stagbeetle/source", script, ...args];
    this.#child = spawn(process.execPath, parameters, { stdio: "pipe", cwd: directory });
    this.#child.stdout.setEncoding("utf8").on("data", (text: string) => (this.#stdout += text));
    this.#child.stderr.setEncoding("utf8").on("data", (text: string) => (this.#stderr += text));
    this.#ended = this.#untilEnded();
  }

  /** What was written to stderr so far. */
  get stderr(): string {
    return this.#stderr;
  }

  /** Waits until stdout or stderr matches. @throws Error if the process ends before. */
  async until(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const match = pattern.exec(this.#stderr) ?? pattern.exec(this.#stdout);
      if (match !== null) return match;
      if (this.#child.exitCode !== null || this.#child.signalCode !== null) {
        throw new Error(`the program ended without ${String(pattern)}: ${this.#stdout}${this.#stderr}`);
      }
      const heard = new AbortController();
      const { signal } = heard;
      const output = [this.#child.stderr, this.#child.stdout].map((stream) => once(stream, "data", { signal }));
      await Promise.race([...output, this.#ended]);
      heard.abort();
    }
  }

  /** Waits until it serves. Returns the port. */
  async untilServing(): Promise<number> {
    return Number((await this.until(/listening on \S+:(\d+)\n/u))[1]);
  }

  /** Sends a signal and waits for the end. */
  async end(signal: NodeJS.Signals): Promise<Ended> {
    this.#child.kill(signal);
    return this.#ended;
  }

  /** Closes stdin and waits for the end. */
  async closeStdin(): Promise<Ended> {
    this.#child.stdin.end();
    return this.#ended;
  }

  /** Waits for the end. */
  async ended(): Promise<Ended> {
    return this.#ended;
  }

  async #untilEnded(): Promise<Ended> {
    await once(this.#child, "close");
    const { exitCode: status, signalCode: signal } = this.#child;
    return { status, signal, stdout: this.#stdout, stderr: this.#stderr };
  }
}

/** Runs the program to its end. */
export async function runProgram(...args: readonly string[]): Promise<Ended> {
  return new Program(args).ended();
}
