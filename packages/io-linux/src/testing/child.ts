/**
 * Real processes for tests.
 *
 * @module
 */
import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { fileURLToPath } from "node:url";

/** A script of this directory that runs in a process of its own. Killed with the end of its block. */
export class Child implements AsyncDisposable {
  readonly #process: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly #lines: AsyncIterator<string>;
  readonly #exited: Promise<unknown[]>;
  #stderr = "";

  /** @param script the name of a file beside this one. */
  constructor(script: string, args: readonly string[], nodeOptions: readonly string[] = []) {
    const path = fileURLToPath(new URL(script, import.meta.url));
    this.#process = spawn(process.execPath, ["--conditions=@stagbeetle/source", ...nodeOptions, path, ...args], {
      stdio: ["pipe", "pipe", "pipe"],
    });
    this.#exited = once(this.#process, "exit");
    this.#process.stderr.setEncoding("utf8").on("data", (text: string) => {
      this.#stderr += text;
    });
    this.#lines = createInterface(this.#process.stdout)[Symbol.asyncIterator]();
  }

  /** What it wrote to its standard error so far. */
  get stderr(): string {
    return this.#stderr;
  }

  /** The next line that it writes. */
  async line(): Promise<string> {
    const result = await this.#lines.next();
    if (result.done === true) throw new Error(`the process ended without another line: ${this.#stderr}`);
    return result.value;
  }

  /** Ends it without warning and waits until it is gone. */
  async kill(): Promise<void> {
    this.#process.kill("SIGKILL");
    await this.#exited;
  }

  /** Waits for its end. */
  async exit(): Promise<{ status: number | null; signal: string | null }> {
    const [status, signal] = (await this.#exited) as [number | null, string | null];
    return { status, signal };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }
}
