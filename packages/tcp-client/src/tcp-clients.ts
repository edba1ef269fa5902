/**
 * Clients that share a pool of messages and a timer.
 */
import { EventLoop, SystemTime } from "@stagbeetle/io-linux";
import { assert } from "@stagbeetle/kernels";
import type { Config, Endpoint, Logger, Release } from "@stagbeetle/vsr-protocol";

import { ClientNetwork } from "./client-network.ts";
import { TcpClient } from "./tcp-client.ts";

/** How to make clients. */
export interface TcpClientsOptions {
  readonly count: number;
  readonly config: Config;
  readonly cluster: bigint;
  /** Where the replicas are, by index: 1 to 6. */
  readonly addresses: readonly Endpoint[];
  readonly release: Release;
  /** How long a tick is in milliseconds; that of the configuration unless said. A shorter one makes clients impatient. */
  readonly tickMs?: number;
  /** Whether the servers are in AOF recovery, where clients choose the timestamps. */
  readonly aofRecovery?: boolean;
  readonly logger?: Logger;
}

/** Clients of one cluster. They outlive its servers, and go on with the next ones at the same addresses. */
export class TcpClients {
  readonly all: readonly TcpClient[];
  readonly #loop: EventLoop;

  /** Begins to tick, and keeps the process alive until `close`. */
  constructor(options: TcpClientsOptions) {
    const { count, config, cluster, addresses, release, tickMs, aofRecovery = false, logger } = options;
    assert(count >= 1, () => `${count} clients`);
    const network = new ClientNetwork({ config, cluster, addresses, clientsMax: count, time: new SystemTime() });
    const client = { release, aofRecovery, ...(logger === undefined ? {} : { logger }) };
    this.all = Array.from({ length: count }, () => new TcpClient(network, client));
    this.#loop = new EventLoop({ tickMs: tickMs ?? config.process.tickMs, ticking: this.all });
    this.#loop.start();
  }

  /** One of the clients. */
  at(index: number): TcpClient {
    const client = this.all[index];
    assert(client !== undefined, () => `client ${index} of ${this.all.length}`);
    return client;
  }

  /** The most bytes that a request of any of them can have, once all are registered. */
  get bodySizeMax(): number {
    return Math.min(...this.all.map(({ bodySizeMax }) => bodySizeMax));
  }

  /** Opens all sessions. @throws EvictedError */
  async register(): Promise<void> {
    await Promise.all(this.all.map((client) => client.register()));
  }

  /** Ends all connections. Requests under way are never answered. */
  async close(): Promise<void> {
    this.#loop.stop();
    await Promise.all(this.all.map((client) => client.close()));
  }
}
