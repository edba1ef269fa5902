/**
 * A cluster of processes in one terminal, to play with: kill a replica and watch the others go on.
 */
import type { Terminal } from "@stagbeetle/command-line";
import { createInterface } from "node:readline";
import type { Interface } from "node:readline";
import { styleText } from "node:util";

import { formatAddress } from "@stagbeetle/vsr-protocol";
import type { Address } from "@stagbeetle/vsr-protocol";

import { parseOrder, VERBS } from "./order.ts";
import type { Verb } from "./order.ts";
import { ReplicaProcess } from "./replica-process.ts";

const COLORS = ["cyan", "magenta", "yellow", "green", "blue", "red"] as const;

/** What ends the cluster in order. A terminal that is closed sends SIGHUP, to this process alone. */
const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** What the cluster consists of. */
export interface ClusterOptions {
  readonly addresses: readonly Address[];
  /** The data files, by replica. */
  readonly paths: readonly string[];
  /** More flags for each `start`. */
  readonly flags: readonly string[];
}

/** Starts all replicas, obeys what is typed, and ends when it is told to and the last replica has ended. */
export class Cluster {
  readonly #replicas: readonly ReplicaProcess[];
  readonly #terminal: Terminal;
  #stopping = false;
  #ended: () => void = () => undefined;

  constructor({ addresses, paths, flags }: ClusterOptions, terminal: Terminal) {
    const list = addresses.map((address) => formatAddress(address)).join(",");
    this.#terminal = terminal;
    this.#replicas = paths.map((path, index) => {
      const say = (line: string): void => this.#say(index, line);
      return new ReplicaProcess({
        parameters: ["start", `--addresses=${list}`, "--development", ...flags, path],
        onLine: say,
        onEnd: (how) => {
          say(`ended with ${how}`);
          this.#endIfDone();
        },
      });
    });
  }

  /** Runs until `quit` or a signal that ends it, and then until all replicas have stopped. They do not outlive its failure. */
  async run(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#ended = resolve;
    const input = createInterface({ input: process.stdin });
    input.on("line", (line) => this.#obey(line, input));
    for (const signal of SIGNALS) process.on(signal, () => this.#quit());
    process.on("uncaughtExceptionMonitor", () => {
      for (const replica of this.#replicas) replica.kill();
    });
    for (const replica of this.#replicas) replica.start();
    await promise;
    input.close();
  }

  #obey(line: string, input: Interface): void {
    if (line.trim() === "") return;
    const order = parseOrder(line, this.#replicas.length);
    if ("mistake" in order) {
      this.#terminal.stderr(`${order.mistake}\n`);
    } else if (order.verb === "quit") {
      input.close();
      this.#quit();
    } else if (order.verb === "status") {
      this.#replicas.forEach((replica, index) => this.#say(index, replica.state));
    } else {
      for (const index of order.replicas) this.#order(order.verb, index);
    }
  }

  #order(verb: Exclude<Verb, "quit" | "status">, index: number): void {
    const replica = this.#replicas[index];
    if (replica === undefined || replica[verb]()) return;
    this.#say(index, `${verb}: it is ${replica.state}`);
  }

  #quit(): void {
    this.#stopping = true;
    for (const replica of this.#replicas) replica.stop();
    this.#endIfDone();
  }

  #endIfDone(): void {
    if (this.#stopping && this.#replicas.every(({ state }) => state === "stopped")) this.#ended();
  }

  #say(index: number, line: string): void {
    const color = COLORS[index % COLORS.length] ?? "white";
    const prefix = styleText(color, `replica ${index} │`, { stream: process.stderr });
    this.#terminal.stderr(`${prefix} ${line}\n`);
  }
}

/** What can be typed. */
export function clusterHelp(): string {
  return Object.entries(VERBS)
    .map(([verb, brief]) => `  ${verb.padEnd(10)}${brief}\n`)
    .join("");
}
