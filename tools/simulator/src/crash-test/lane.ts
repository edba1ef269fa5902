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

import { AccountingWorkload } from "@stagbeetle/io-sim";
import { ServerProcess, type TcpClient, TcpClients } from "@stagbeetle/processes";
import { PRODUCTION, Random } from "@stagbeetle/vsr-protocol";

import { AcknowledgedRequests } from "./acknowledged.ts";
import { sweepRequest } from "./sweep.ts";

/** How a lane runs. */
export interface LaneOptions {
  /** Where its data file is made. */
  readonly directory: string;
  readonly kills: number;
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
const ANSWER_MS_MAX = 60_000;
/** How many accounts or transfers a request has at most; one of these for each file. */
const EVENTS_MAX = [4, 30, 300, 1000] as const;

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
    while (this.counts.kills < this.#options.kills) {
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
  readonly #requests = new AcknowledgedRequests();
  readonly #workload: AccountingWorkload;
  /** Requests that were made: each of them takes an op. */
  #ops = 0;
  #waiting = 0;
  #stopping = false;

  constructor(options: LaneOptions, random: Random, counts: LaneCounts) {
    this.#options = options;
    this.#random = random;
    this.#counts = counts;
    this.#path = join(options.directory, `${counts.files}.stagbeetle`);
    const eventsMax = EVENTS_MAX[random.index(EVENTS_MAX.length)] ?? 1;
    const { model } = this.#requests;
    this.#workload = new AccountingWorkload({ config: PRODUCTION, random, model, eventsMax, timeouts: false });
  }

  async run(): Promise<void> {
    await ServerProcess.format(this.#path);
    let server = await ServerProcess.start(this.#path);
    const { port } = server;
    const clients = new TcpClients({ count: this.#options.clientCount, port, tickMs: CLIENT_TICK_MS });
    try {
      await within(clients.register(), () => `the sessions are not registered: ${server.describe()}`);
      this.#ops += this.#options.clientCount;
      await this.#createAccounts(clients.at(0));
      await within(this.#fill(clients), () => `${this.#waiting} requests are not answered: ${server.describe()}`);
      while (this.#counts.kills < this.#options.kills && this.#ops < OPS_PER_FILE_MAX) {
        server = await this.#cycle(server, clients, port);
      }
      await within(this.#sweep(clients.at(0)), () => `the ledger cannot be read: ${server.describe()}`);
      await server.stop();
    } finally {
      await clients.close();
      if (!server.ended) await server.kill();
      rmSync(this.#path, { force: true });
    }
    this.#counts.acknowledged += this.#requests.count;
    this.#counts.transfers += this.#requests.model.transfers.size;
  }

  /** Load, kill, restart, and a check when all is answered. */
  async #cycle(server: ServerProcess, clients: TcpClients, port: number): Promise<ServerProcess> {
    this.#stopping = false;
    const loads = Promise.all(clients.all.map((client) => this.#load(client)));
    await Promise.race([this.#killPoint(), loads]);
    this.#stopping = true;
    await this.#kill(server);
    this.#counts.resent += this.#waiting;
    while (this.#counts.kills < this.#options.kills && this.#random.chance(OPENING_KILL_PERCENT, 100)) {
      await this.#killOpening(port);
    }
    const next = await ServerProcess.start(this.#path, { port });
    await within(loads, () => `${this.#waiting} requests are not answered: ${next.describe()}`);
    await within(this.#readBack(clients.at(0)), () => `the ledger cannot be read: ${next.describe()}`);
    return next;
  }

  /** One client makes requests until the server is about to be killed. */
  async #load(client: TcpClient): Promise<void> {
    while (!this.#stopping) await this.#request(client, this.#workload.next(client.bodySizeMax));
  }

  async #request(client: TcpClient, { operation, body }: { operation: number; body: Uint8Array }): Promise<void> {
    const { newestTimestamp } = this.#requests;
    this.#ops += 1;
    this.#waiting += 1;
    const answer = await client.request(operation, body);
    this.#waiting -= 1;
    this.#requests.add({ operation, body, answer }, newestTimestamp);
  }

  /** Returns in the middle of the load: after some answers, and a moment more. */
  async #killPoint(): Promise<void> {
    const replies = this.#requests.count + this.#random.index(REPLIES_BEFORE_KILL_MAX);
    const deadline = performance.now() + ANSWER_MS_MAX;
    while (this.#requests.count < replies) {
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
    const server = ServerProcess.spawn(this.#path, { port });
    await sleep(this.#random.index(OPENING_MS_MAX));
    await this.#kill(server);
    this.#counts.killsOpening += 1;
  }

  /** Brings the log to where the kills are to hit. */
  async #fill(clients: TcpClients): Promise<void> {
    const ops = FILL_OPS[this.#random.index(FILL_OPS.length)] ?? 0;
    const fill = async (client: TcpClient): Promise<void> => {
      while (this.#ops < ops) await this.#request(client, this.#workload.next(client.bodySizeMax));
    };
    await Promise.all(clients.all.map(fill));
    this.#requests.check();
  }

  async #createAccounts(client: TcpClient): Promise<void> {
    while (this.#requests.model.accounts.size < 2) {
      await this.#request(client, this.#workload.next(client.bodySizeMax));
      this.#requests.check();
    }
  }

  /** All is answered: the answers must be those of the model, and so must be what the ledger says now. */
  async #readBack(client: TcpClient): Promise<void> {
    this.#requests.check();
    await this.#request(client, sweepRequest("accounts", 0n, "newest"));
    await this.#request(client, sweepRequest("transfers", 0n, "newest"));
    this.#requests.check();
  }

  /** Every account and every transfer that there is must be one that the model has. */
  async #sweep(client: TcpClient): Promise<void> {
    this.#requests.check();
    const { accounts, transfers } = this.#requests.model;
    await this.#request(client, sweepRequest("accounts", 0n, "oldest"));
    // The model is asked the same, so that one more page shows that nothing else is there.
    const timestamps = [0n, ...[...transfers.values()].map(({ timestamp }) => timestamp)];
    const pageSize = Math.floor(PRODUCTION.derived.messageBodySizeMax / 128) - 1;
    for (let index = 0; index < timestamps.length; index += pageSize) {
      await this.#request(client, sweepRequest("transfers", (timestamps[index] ?? 0n) + 1n, "oldest"));
    }
    this.#requests.check();
    if (accounts.size === 0) throw new Error("nothing was created");
  }
}

/** @throws Error if the promise takes too long. */
async function within(promise: Promise<unknown>, describe: () => string): Promise<void> {
  const abort = new AbortController();
  const timeout = sleep(ANSWER_MS_MAX, null, { signal: abort.signal }).then(() => {
    throw new Error(describe());
  });
  try {
    await Promise.race([promise, timeout]);
  } finally {
    abort.abort();
    timeout.catch(() => undefined);
  }
}
