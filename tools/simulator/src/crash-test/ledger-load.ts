/**
 * Clients that create accounts and transfers, and check every answer against the model.
 */
import { AccountingWorkload, type WorkloadRequest } from "@stagbeetle/io-sim";
import type { TcpClient, TcpClients } from "@stagbeetle/tcp-client";
import { PRODUCTION, type Random } from "@stagbeetle/vsr-protocol";

import { AcknowledgedRequests } from "./acknowledged.ts";
import { sweepRequest } from "./sweep.ts";

/** How many accounts or transfers a request has at most; one of these for each ledger. */
const EVENTS_MAX = [4, 30, 300, 1000] as const;

/** The life of one ledger, as its clients see it. */
export class LedgerLoad {
  readonly requests: AcknowledgedRequests = new AcknowledgedRequests();
  readonly #workload: AccountingWorkload;
  #stopping = false;
  #ops = 0;
  #waiting = 0;
  #answeredAt = 0;
  #silenceMsMax = 0;

  constructor(random: Random) {
    const eventsMax = EVENTS_MAX[random.index(EVENTS_MAX.length)] ?? 1;
    const { model } = this.requests;
    this.#workload = new AccountingWorkload({ config: PRODUCTION, random, model, eventsMax, timeouts: false });
  }

  /** Requests that were made: each of them takes an op. */
  get ops(): number {
    return this.#ops;
  }

  /** Requests that are not answered yet. */
  get waiting(): number {
    return this.#waiting;
  }

  /** The longest time, in milliseconds, in which a request waited and nobody was answered. */
  get silenceMsMax(): number {
    return this.#silenceMsMax;
  }

  /** Opens the sessions and creates the first accounts. */
  async open(clients: TcpClients): Promise<void> {
    await clients.register();
    this.#ops += clients.all.length;
    while (this.requests.model.accounts.size < 2) {
      await this.#next(clients.at(0));
      this.requests.check();
    }
  }

  /** Makes requests until there were so many. */
  async fill(clients: TcpClients, ops: number): Promise<void> {
    const fill = async (client: TcpClient): Promise<void> => {
      while (this.#ops < ops) await this.#next(client);
    };
    await Promise.all(clients.all.map(fill));
    this.requests.check();
  }

  /** Makes requests until {@link LedgerLoad.stop}, and resolves when all of them are answered. */
  async run(clients: TcpClients): Promise<void> {
    this.#stopping = false;
    const run = async (client: TcpClient): Promise<void> => {
      while (!this.#stopping) await this.#next(client);
    };
    await Promise.all(clients.all.map(run));
  }

  /** From now on no more requests are made. */
  stop(): void {
    this.#stopping = true;
  }

  /** All is answered: the answers must be those of the model, and so must be what the ledger says now. */
  async readBack(client: TcpClient): Promise<void> {
    this.requests.check();
    await this.#request(client, sweepRequest("accounts", 0n, "newest"));
    await this.#request(client, sweepRequest("transfers", 0n, "newest"));
    this.requests.check();
  }

  /** Every account and every transfer that there is must be one that the model has. */
  async sweep(client: TcpClient): Promise<void> {
    this.requests.check();
    const { accounts, transfers } = this.requests.model;
    await this.#request(client, sweepRequest("accounts", 0n, "oldest"));
    // The model is asked the same, so that one more page shows that nothing else is there.
    const timestamps = [0n, ...[...transfers.values()].map(({ timestamp }) => timestamp)];
    const pageSize = Math.floor(PRODUCTION.derived.messageBodySizeMax / 128) - 1;
    for (let index = 0; index < timestamps.length; index += pageSize) {
      await this.#request(client, sweepRequest("transfers", (timestamps[index] ?? 0n) + 1n, "oldest"));
    }
    this.requests.check();
    if (accounts.size === 0) throw new Error("nothing was created");
  }

  async #next(client: TcpClient): Promise<void> {
    await this.#request(client, this.#workload.next(client.bodySizeMax));
  }

  async #request(client: TcpClient, { operation, body }: WorkloadRequest): Promise<void> {
    const { newestTimestamp } = this.requests;
    this.#ops += 1;
    this.#waiting += 1;
    const askedAt = performance.now();
    const answer = await client.request(operation, body);
    const now = performance.now();
    this.#silenceMsMax = Math.max(this.#silenceMsMax, now - Math.max(askedAt, this.#answeredAt));
    this.#answeredAt = now;
    this.#waiting -= 1;
    this.requests.add({ operation, body, answer }, newestTimestamp);
  }
}
