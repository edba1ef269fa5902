/**
 * The real `stagbeetle` program as a child process.
 *
 * @module
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { resolve } from "node:path";

const PROGRAM = resolve(import.meta.dirname, "../../../apps/replica/src/main.ts");
const AOF_PROGRAM = resolve(import.meta.dirname, "../../../apps/aof/src/main.ts");
const START_TIMEOUT_MS = 60_000;

function spawnProgram(parameters: readonly string[], program = PROGRAM, directory = "."): ChildProcess {
  return spawn(process.execPath, ["--conditions=@stagbeetle/source", program, ...parameters], {
    stdio: ["ignore", "pipe", "pipe"],
    cwd: directory,
  });
}

/** What a finished run of the program left behind. */
export interface Finished {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the program to its end. */
export async function runProgram(parameters: readonly string[]): Promise<Finished> {
  return finished(spawnProgram(parameters));
}

/** Runs the program `aof` to its end, in a directory. */
export async function runAof(directory: string, parameters: readonly string[]): Promise<Finished> {
  return finished(spawnProgram(parameters, AOF_PROGRAM, directory));
}

async function finished(child: ChildProcess): Promise<Finished> {
  let stdout = "";
  let stderr = "";
  child.stdout?.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  child.stderr?.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  const [status] = (await once(child, "close")) as [number | null];
  return { status, stdout, stderr };
}

/** Runs the program and throws, with what it printed, unless it succeeds. */
export async function runProgramSuccessfully(parameters: readonly string[]): Promise<void> {
  const { status, stderr } = await runProgram(parameters);
  if (status !== 0) throw new Error(`stagbeetle ${parameters.join(" ")} ended with status ${status}: ${stderr.trim()}`);
}

/** A server that is serving. */
export class ServerProcess {
  readonly port: number;
  readonly #child: ChildProcess;
  #output: string;

  private constructor(child: ChildProcess, port: number, output: string) {
    this.#child = child;
    this.port = port;
    this.#output = output;
    child.stderr?.on("data", (text: string) => (this.#output += text));
  }

  /** Starts `stagbeetle start` on a port of the system's choice and waits until it serves. */
  static async start(dataFile: string, flags: readonly string[]): Promise<ServerProcess> {
    const child = spawnProgram(["start", "--addresses=127.0.0.1:0", ...flags, dataFile]);
    let output = "";
    const listening = new Promise<number>((resolvePort, reject) => {
      const onText = (text: string): void => {
        output += text;
        const match = /listening on \S*:(\d+)/.exec(output);
        if (match?.[1] !== undefined) resolvePort(Number(match[1]));
      };
      child.stdout?.setEncoding("utf8").on("data", onText);
      child.stderr?.setEncoding("utf8").on("data", onText);
      child.once("close", (status) =>
        reject(new Error(`the server ended with status ${status} before it served: ${output.trim()}`)),
      );
      setTimeout(
        () => reject(new Error(`the server did not serve within ${START_TIMEOUT_MS} ms: ${output.trim()}`)),
        START_TIMEOUT_MS,
      ).unref();
    });
    try {
      return new ServerProcess(child, await listening, output);
    } catch (error) {
      child.kill("SIGKILL");
      throw error;
    }
  }

  /** Everything that the server printed. */
  get output(): string {
    return this.#output;
  }

  /** Ends the server as an operator would, and waits for it. Returns its exit status. */
  async terminate(): Promise<number | null> {
    return this.#end("SIGTERM");
  }

  /** Kills the server without warning, and waits until it is gone. */
  async kill(): Promise<void> {
    await this.#end("SIGKILL");
  }

  async #end(signal: NodeJS.Signals): Promise<number | null> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return this.#child.exitCode;
    const closed = once(this.#child, "close") as Promise<[number | null]>;
    this.#child.kill(signal);
    const [status] = await closed;
    return status;
  }
}
