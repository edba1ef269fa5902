/**
 * The real `stagbeetle` program as a child process, from its sources.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { resolve } from "node:path";

const PROGRAM = resolve(import.meta.dirname, "../../../apps/replica/src/main.ts");
const NODE_FLAGS = ["--conditions=@stagbeetle/source"] as const;
const START_MS_MAX = 60_000;
const OUTPUT_LINES_MAX = 40;

/** Ends with this process, whatever ends this one. */
const running: Set<ChildProcess> = new Set();
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

/** How to start a server. */
export interface ServerProcessOptions {
  /** 0 for one of the system's choice. */
  readonly port?: number;
  /** More flags for `stagbeetle start`. */
  readonly flags?: readonly string[];
}

/** A server of cluster 0, from its start to its end. */
export class ServerProcess {
  readonly #child: ChildProcess;
  readonly #exited: Promise<void>;
  #output = "";
  #port = 0;

  private constructor(parameters: readonly string[]) {
    this.#child = spawn(process.execPath, [...NODE_FLAGS, PROGRAM, ...parameters], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    running.add(this.#child);
    this.#child.stderr?.setEncoding("utf8").on("data", (text: string) => (this.#output += text));
    this.#exited = once(this.#child, "close").then(() => void running.delete(this.#child));
  }

  /** Formats a data file of a cluster of one. @throws Error with what the program printed. */
  static async format(path: string): Promise<void> {
    const program = new ServerProcess(["format", "--cluster=0", "--replica=0", "--replica-count=1", path]);
    await program.#exited;
    if (program.#child.exitCode !== 0) throw new Error(`format: ${program.describe()}`);
  }

  /** Starts a server, without waiting for anything. */
  static spawn(path: string, { port = 0, flags = [] }: ServerProcessOptions = {}): ServerProcess {
    return new ServerProcess(["start", `--addresses=127.0.0.1:${port}`, ...flags, path]);
  }

  /** Starts a server and waits until it serves. @throws Error with what the program printed. */
  static async start(path: string, options: ServerProcessOptions = {}): Promise<ServerProcess> {
    const server = ServerProcess.spawn(path, options);
    await server.serving();
    return server;
  }

  /** Where the server listens, once it serves. */
  get port(): number {
    return this.#port;
  }

  /** The process itself, for whoever measures it. */
  get pid(): number {
    const { pid } = this.#child;
    if (pid === undefined) throw new Error("the server has no process");
    return pid;
  }

  /** Whether the process has ended. */
  get ended(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  /** Waits until the server says that it listens. @throws Error if it ends or takes too long. */
  async serving(): Promise<void> {
    const { promise, resolve: resolveServing, reject } = Promise.withResolvers<void>();
    const fail = (what: string): void => reject(new Error(`the server ${what}: ${this.describe()}`));
    const look = (): void => {
      const found = /listening on \S*:(\d+)/.exec(this.#output);
      if (found !== null) this.#port = Number(found[1]);
      if (found !== null) resolveServing();
      else if (this.ended) fail("does not start");
    };
    const timer = setTimeout(() => fail("takes too long to start"), START_MS_MAX);
    this.#child.stderr?.on("data", look);
    void this.#exited.then(look);
    look();
    try {
      await promise;
    } finally {
      clearTimeout(timer);
      this.#child.stderr?.off("data", look);
    }
  }

  /** Kills the server without warning, and waits until it is gone. */
  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#exited;
  }

  /** Ends the server as an operator would. @throws Error unless it ends with status 0. */
  async stop(): Promise<void> {
    this.#child.kill("SIGTERM");
    await this.#exited;
    if (this.#child.exitCode !== 0) throw new Error(`the server does not stop in order: ${this.describe()}`);
  }

  /** How the process ended, and the last lines that it printed. */
  describe(): string {
    const { exitCode, signalCode } = this.#child;
    const lines = this.#output.trimEnd().split("\n").slice(-OUTPUT_LINES_MAX).join("\n  ");
    return `${this.ended ? `ended with ${exitCode ?? signalCode}` : "still runs"}\n  ${lines}`;
  }
}
