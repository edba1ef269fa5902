/**
 * One server that is killed again and again, and the clients that check what it says.
 *
 * ```text
 *   format ─▶ start ─▶ load ─▶ kill ─▶ (start ─▶ kill)* ─▶ start ─▶ all answered ─▶ check ─▶ load …
 *      ▲                                                                              │
 *      └──────────────────────────   enough operations: sweep, stop   ◀──────────────┘
 * ```
 */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { localClients, ServerProcess } from "@stagbeetle/processes";
import type { TcpClients } from "@stagbeetle/tcp-client";
import { Random } from "@stagbeetle/vsr-protocol";

import { LedgerLoad } from "./ledger-load.ts";
import { ANSWER_MS_MAX, within } from "./within.ts";

/** How a lane runs. */
export interface LaneOptions {
  /** Where its data file is made. */
  readonly directory: string;
  /** Whether there is more to do after so many kills. */
  readonly goesOn: (kills: number) => boolean;
  readonly seed: bigint;
  readonly clientCount: number;
}

/** What a lane has done. */
export interface LaneCounts {
  kills: number;
  /** Kills before the server served. */
  killsOpening: number;
  /** Requests that were under way when the server was killed, and were answered by the next one. */
  resent: number;
  acknowledged: number;
  transfers: number;
  files: number;
}

/** Clients are impatient, so that most of the time is spent under load. */
const CLIENT_TICK_MS = 2;
const REPLIES_BEFORE_KILL_MAX = 60;
const DELAY_BEFORE_KILL_MS_MAX = 4;
const OPENING_KILL_PERCENT = 20;
const OPENING_MS_MAX = 700;
/** Enough for two checkpoints, and for the log to go round twice. */
const OPS_PER_FILE_MAX = 2200;
/** How many requests are made before the first kill: none, or nearly those that lead to the first checkpoint (op 991). */
const FILL_OPS = [0, 900, 960] as const;

/** Runs one server after the other on one data file after the other. */
export class Lane {
  readonly counts: LaneCounts = { kills: 0, killsOpening: 0, resent: 0, acknowledged: 0, transfers: 0, files: 0 };
  readonly #options: LaneOptions;
  readonly #random: Random;

  constructor(options: LaneOptions) {
    this.#options = options;
    this.#random = new Random(options.seed);
  }

  /** @throws Error for the first thing that is wrong. */
  async run(): Promise<void> {
    while (this.#options.goesOn(this.counts.kills)) {
      const file = new LaneFile(this.#options, this.#random, this.counts);
      await file.run();
      this.counts.files += 1;
    }
  }
}

/** The life of one data file. */
class LaneFile {
  readonly #options: LaneOptions;
  readonly #random: Random;
  readonly #counts: LaneCounts;
  readonly #path: string;
  readonly #load: LedgerLoad;

  constructor(options: LaneOptions, random: Random, counts: LaneCounts) {
    this.#options = options;
    this.#random = random;
    this.#counts = counts;
    this.#path = join(options.directory, `${counts.files}.stagbeetle`);
    this.#load = new LedgerLoad(random);
  }

  async run(): Promise<void> {
    await ServerProcess.format(this.#path);
    let server = await ServerProcess.start(this.#path);
    const { port } = server;
    const clients = localClients({ count: this.#options.clientCount, ports: [port], tickMs: CLIENT_TICK_MS });
    const load = this.#load;
    try {
      await within(load.open(clients), () => `the sessions are not registered: ${server.describe()}`);
      // Brings the log to where the kills are to hit.
      const fillOps = FILL_OPS[this.#random.index(FILL_OPS.length)] ?? 0;
      await within(
        load.fill(clients, fillOps),
        () => `${load.waiting} requests are not answered: ${server.describe()}`,
      );
      while (this.#options.goesOn(this.#counts.kills) && load.ops < OPS_PER_FILE_MAX) {
        server = await this.#cycle(server, clients, port);
      }
      await within(load.sweep(clients.at(0)), () => `the ledger cannot be read: ${server.describe()}`);
      await server.stop();
    } finally {
      await clients.close();
      if (!server.ended) await server.kill();
      rmSync(this.#path, { force: true });
    }
    this.#counts.acknowledged += load.requests.count;
    this.#counts.transfers += load.requests.model.transfers.size;
  }

  /** Load, kill, restart, and a check when all is answered. */
  async #cycle(server: ServerProcess, clients: TcpClients, port: number): Promise<ServerProcess> {
    const load = this.#load;
    const answered = load.run(clients);
    await Promise.race([this.#killPoint(), answered]);
    load.stop();
    await this.#kill(server);
    this.#counts.resent += load.waiting;
    while (this.#options.goesOn(this.#counts.kills) && this.#random.chance(OPENING_KILL_PERCENT, 100)) {
      await this.#killOpening(port);
    }
    const next = await ServerProcess.start(this.#path, { ports: [port] });
    await within(answered, () => `${load.waiting} requests are not answered: ${next.describe()}`);
    await within(load.readBack(clients.at(0)), () => `the ledger cannot be read: ${next.describe()}`);
    return next;
  }

  /** Returns in the middle of the load: after some answers, and a moment more. */
  async #killPoint(): Promise<void> {
    const { requests } = this.#load;
    const replies = requests.count + this.#random.index(REPLIES_BEFORE_KILL_MAX);
    const deadline = performance.now() + ANSWER_MS_MAX;
    while (requests.count < replies) {
      if (performance.now() > deadline) throw new Error("the server does not answer");
      await sleep(0);
    }
    await sleep(this.#random.index(DELAY_BEFORE_KILL_MS_MAX + 1));
  }

  async #kill(server: ServerProcess): Promise<void> {
    if (server.ended) throw new Error(`the server ended by itself: ${server.describe()}`);
    await server.kill();
    this.#counts.kills += 1;
  }

  async #killOpening(port: number): Promise<void> {
    const server = ServerProcess.spawn(this.#path, { ports: [port] });
    await sleep(this.#random.index(OPENING_MS_MAX));
    await this.#kill(server);
    this.#counts.killsOpening += 1;
  }
}
