/**
 * One replica of a cluster for development: a process that can be killed, paused and started again.
 */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

import { scriptUrl } from "@stagbeetle/io-linux";

const PROGRAM = fileURLToPath(scriptUrl("../main", import.meta.url));

/** How to run it. */
export interface ReplicaProcessOptions {
  /** The arguments of the program: `start` and its flags. */
  readonly parameters: readonly string[];
  /** Takes each line that the program prints. */
  readonly onLine: (line: string) => void;
  /** Runs when a process has ended, with how. */
  readonly onEnd: (how: string) => void;
}

/** `stopped` ⇄ `running` ⇄ `paused`; a process that ends by itself is `stopped`, too. */
export type ReplicaProcessState = "stopped" | "running" | "paused";

/** Runs at most one process at a time. */
export class ReplicaProcess {
  readonly #options: ReplicaProcessOptions;
  #child: ChildProcess | null = null;
  #paused = false;

  constructor(options: ReplicaProcessOptions) {
    this.#options = options;
  }

  get state(): ReplicaProcessState {
    if (this.#child === null) return "stopped";
    return this.#paused ? "paused" : "running";
  }

  /** Starts the process. Returns false if one runs already. */
  start(): boolean {
    if (this.#child !== null) return false;
    const child = spawn(process.execPath, [...process.execArgv, PROGRAM, ...this.#options.parameters], {
      stdio: ["ignore", "ignore", "pipe"],
      // A Ctrl-C in the terminal is for the whole cluster, which stops its replicas in order.
      detached: true,
    });
    this.#child = child;
    this.#paused = false;
    createInterface({ input: child.stderr }).on("line", this.#options.onLine);
    child.once("close", (status, signal) => this.#onEnd(signal ?? `status ${status}`));
    return true;
  }

  /** Ends the process as a power failure would. Returns false if none runs. */
  kill(): boolean {
    return this.#child?.kill("SIGKILL") ?? false;
  }

  /** Ends the process as an operator would. Returns false if none runs. */
  stop(): boolean {
    this.resume();
    return this.#child?.kill("SIGTERM") ?? false;
  }

  /** Stops the process's clock: to the others it is as if the network had failed. Returns false unless it runs. */
  pause(): boolean {
    if (this.state !== "running") return false;
    this.#paused = true;
    return this.#child?.kill("SIGSTOP") ?? false;
  }

  /** Lets a paused process go on. Returns false if it is not paused. */
  resume(): boolean {
    if (this.state !== "paused") return false;
    this.#paused = false;
    return this.#child?.kill("SIGCONT") ?? false;
  }

  #onEnd(how: string): void {
    this.#child = null;
    this.#options.onEnd(how);
  }
}
