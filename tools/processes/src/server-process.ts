/**
 * The real `stagbeetle` program as a child process.
 */
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";

import { runProgramSuccessfully, spawnProgram, spawnProgramBuilt } from "./program.ts";

const START_MS_MAX = 60_000;
const OUTPUT_LINES_MAX = 40;
const KIB = 1024;

/** Which member of a cluster a data file is for. */
export interface MemberOptions {
  readonly replica: number;
  readonly replicaCount: number;
}

/** The ports of all members on this machine, by index; 0, for a single one, is one of the system's choice. */
interface Ports {
  readonly ports: readonly number[];
}

/** How to start a server. By default alone, on a port of the system's choice. */
export interface ServerProcessOptions extends Partial<Ports> {
  /** More flags for `stagbeetle start`. */
  readonly flags?: readonly string[];
  /** Whether the program runs as built; from its sources unless said. */
  readonly built?: boolean;
}

const ALONE: MemberOptions = { replica: 0, replicaCount: 1 };

function memberFlags({ replica, replicaCount }: MemberOptions): readonly string[] {
  return ["--cluster=0", `--replica=${replica}`, `--replica-count=${replicaCount}`];
}

function addressesFlag(ports: readonly number[]): string {
  return `--addresses=${ports.map((port) => `127.0.0.1:${port}`).join(",")}`;
}

/** A server of cluster 0, from its start to its end. */
export class ServerProcess {
  readonly #child: ChildProcess;
  readonly #exited: Promise<void>;
  #output = "";
  #port = 0;

  private constructor(child: ChildProcess) {
    this.#child = child;
    this.#child.stderr?.setEncoding("utf8").on("data", (text: string) => (this.#output += text));
    this.#exited = once(this.#child, "close").then(() => undefined);
  }

  /** Formats a data file. @throws Error with what the program printed. */
  static async format(path: string, member: MemberOptions = ALONE): Promise<void> {
    await runProgramSuccessfully(["format", ...memberFlags(member), path]);
  }

  /** Makes the data file of a replica that lost it, as soon as the others answer. @throws Error with what the program printed. */
  static async recover(path: string, { ports, ...member }: MemberOptions & Ports): Promise<void> {
    await runProgramSuccessfully(["recover", ...memberFlags(member), addressesFlag(ports), path]);
  }

  /** Starts a server, without waiting for anything. */
  static spawn(path: string, { ports = [0], flags = [], built = false }: ServerProcessOptions = {}): ServerProcess {
    const run = built ? spawnProgramBuilt : spawnProgram;
    return new ServerProcess(run(["start", addressesFlag(ports), ...flags, path], ["ignore", "ignore", "pipe"]));
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

  /** The most memory that the server, which still runs, has had resident at once, in bytes; null where the system does not tell. */
  residentMaxBytes(): number | null {
    return this.#statusBytes("VmHWM");
  }

  /** The memory that it has resident now, in bytes; null where the system does not tell. */
  residentBytes(): number | null {
    return this.#statusBytes("VmRSS");
  }

  #statusBytes(field: "VmRSS" | "VmHWM"): number | null {
    try {
      const status = readFileSync(`/proc/${this.pid}/status`, "utf8");
      const kibibytes = new RegExp(`^${field}:\\s*(\\d+) kB$`, "mu").exec(status)?.[1];
      return kibibytes === undefined ? null : Number(kibibytes) * KIB;
    } catch {
      return null;
    }
  }

  /** Whether the process has ended. */
  get ended(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  /** Waits until the server says that it listens. @throws Error if it ends or takes too long. */
  async serving(): Promise<void> {
    const [, port] = await this.#printed(/listening on \S*:(\d+)/u, "start");
    this.#port = Number(port);
  }

  /**
   * Waits until the server has taken its memory, or says that the machine has too little of it now. Until then it has a thread
   * more, and is slower. Not in development mode. @throws Error if it ends or takes too long, or the thread fails.
   */
  async resident(): Promise<void> {
    const said = /memory: (?:all of it is resident|.* are available now|taken as it is used, not at the start)/u;
    const [line] = await this.#printed(said, "take its memory");
    if (line.endsWith("not at the start")) throw new Error(`the thread that takes memory failed: ${this.describe()}`);
  }

  async #printed(pattern: RegExp, purpose: string): Promise<RegExpExecArray> {
    const { promise, resolve: resolvePrinted, reject } = Promise.withResolvers<RegExpExecArray>();
    const fail = (what: string): void => reject(new Error(`the server ${what} to ${purpose}: ${this.describe()}`));
    const look = (): void => {
      const found = pattern.exec(this.#output);
      if (found !== null) resolvePrinted(found);
      else if (this.ended) fail("ended before it was able");
    };
    const timer = setTimeout(() => fail("takes too long"), START_MS_MAX);
    this.#child.stderr?.on("data", look);
    void this.#exited.then(look);
    look();
    try {
      return await promise;
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
