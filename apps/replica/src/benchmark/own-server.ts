/**
 * The server that a benchmark starts for itself: this very program in another process (spec 06 §7.1).
 */
import { spawn } from "node:child_process";
import type { ChildProcessByStdio } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import type { Readable, Writable } from "node:stream";
import { setTimeout } from "node:timers/promises";

import { assert } from "@stagbeetle/kernels";

import { BenchmarkError } from "./benchmark-error.ts";

const KIB = 1024;
const MIB = 1024 * KIB;

/** Memory is being taken as long as it grows so much so fast. */
const GROWTH_MIN_BYTES = 2 * MIB;
const GROWTH_POLL_MS = 250;
const GROWTH_POLLS_MAX = 240;

/** A server, from its start to the end of its stdin. */
export class OwnServer {
  readonly #child: Child;
  readonly #exited: Promise<unknown>;
  /** Rejects when the server ends. */
  readonly failed: Promise<never>;

  /** Starts a server of the data file. @param flags for `start`. */
  constructor(path: string, flags: readonly string[]) {
    const [, program] = process.argv;
    assert(program !== undefined, "this program was started from a file");
    const args = [...process.execArgv, program, "start", "--addresses=0", ...flags, path];
    const child = spawn(process.execPath, args, { stdio: ["pipe", "pipe", "inherit"] });
    this.#child = child;
    this.#exited = once(child, "exit");
    this.failed = this.#exited.then(() => {
      throw ended(child);
    });
    // Whoever races against it hears of it; nobody else needs to.
    this.failed.catch(() => undefined);
  }

  /** Waits until the server serves. Returns its port. @throws BenchmarkError if it ends before; it has said why. */
  async serving(): Promise<number> {
    let output = "";
    this.#child.stdout.setEncoding("utf8").on("data", (text: string) => (output += text));
    // The end of its output says that the port is complete, or that there is none.
    await once(this.#child.stdout, "end");
    return /^\d+\n$/u.test(output) ? Number(output) : this.failed;
  }

  /** Waits until the server has taken its memory, which it does beside serving; a minute at most. */
  async memoryTaken(): Promise<void> {
    let bytes = this.residentSizeBytes();
    for (let poll = 0; poll < GROWTH_POLLS_MAX; poll += 1) {
      await setTimeout(GROWTH_POLL_MS);
      const before = bytes;
      bytes = this.residentSizeBytes();
      if (bytes - before < GROWTH_MIN_BYTES) return;
    }
  }

  /** How much memory the server has in use now, in bytes. */
  residentSizeBytes(): number {
    return this.#statusBytes("VmRSS");
  }

  /** How much memory the server had in use at most, in bytes. */
  residentSizeMaxBytes(): number {
    return this.#statusBytes("VmHWM");
  }

  /** Ends the server and waits until it is gone. */
  async stop(): Promise<void> {
    this.#child.stdin.end();
    await this.#exited;
  }

  /** Ends the server by force, if it still runs, and waits until it is gone. */
  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#exited;
  }

  #statusBytes(field: "VmRSS" | "VmHWM"): number {
    const status = readFileSync(`/proc/${this.#child.pid}/status`, "utf8");
    const kibibytes = new RegExp(`^${field}:\\s*(\\d+) kB$`, "mu").exec(status)?.[1];
    // A process that has ended has no memory, a moment before anybody hears of its end.
    if (kibibytes === undefined) throw new BenchmarkError("the server has ended; its lines say why");
    return Number(kibibytes) * KIB;
  }
}

type Child = ChildProcessByStdio<Writable, Readable, null>;

function ended({ exitCode, signalCode }: Child): BenchmarkError {
  return new BenchmarkError(`the server has ended with ${signalCode ?? `status ${exitCode}`}; its lines say why`);
}
