/**
 * Turning over a cluster's pipeline: as many committed requests as there can be prepares that are not (spec 06 §4.2).
 */
import { createLogger } from "@stagbeetle/command-line";
import { type Eviction, Session } from "@stagbeetle/client";
import { SystemTime } from "@stagbeetle/io-linux";
import { ClientNetwork, type Connected } from "@stagbeetle/tcp-client";
import { fatal, FatalReason, Operation } from "@stagbeetle/vsr-protocol";
import type { Address, Config } from "@stagbeetle/vsr-protocol";

import { RELEASE } from "../release.ts";

/** How often the operator hears that there is no answer yet. */
const WAITING_MS = 5000;

const NO_BODY = new Uint8Array(0);

/** Which cluster. */
export interface OverturnOptions {
  readonly config: Config;
  readonly cluster: bigint;
  readonly addresses: readonly Address[];
  readonly replicaCount: number;
}

/** A client that commits `pipeline_prepare_queue_max` requests, its registration included, one after the other. */
export class Overturn {
  readonly #session: Session;
  readonly #bus: Connected<Session>["bus"];
  readonly #committedMax: number;
  readonly #logger = createLogger("main");
  readonly #tickMs: number;
  readonly #timers: NodeJS.Timeout[] = [];
  #committed = 0;

  constructor({ config, cluster, addresses, replicaCount }: OverturnOptions) {
    this.#committedMax = config.cluster.pipelinePrepareQueueMax;
    this.#tickMs = config.process.tickMs;
    const network = new ClientNetwork({
      config,
      cluster,
      addresses: addresses.slice(0, replicaCount),
      clientsMax: 1,
      time: new SystemTime(),
    });
    const onEviction = ({ message }: Eviction): void => fatal(FatalReason.cli, message);
    const { receiver, bus } = network.connect(
      { release: RELEASE, logger: createLogger("client") },
      (parts) => new Session({ ...parts, onEviction }),
    );
    this.#session = receiver;
    this.#bus = bus;
  }

  /** The newest view that the cluster has shown. */
  get view(): number {
    return this.#session.view;
  }

  /** @param callback runs when all requests are committed, however long that takes. */
  start(callback: () => void): void {
    this.#timers.push(
      setInterval(() => this.#session.tick(), this.#tickMs),
      setInterval(() => this.#logWaiting(), WAITING_MS),
    );
    this.#session.register(() => this.#onCommitted(callback));
  }

  /** Ends all connections. */
  async close(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    this.#session.close();
    await this.#bus.close();
  }

  #onCommitted(callback: () => void): void {
    this.#committed += 1;
    if (this.#committed === this.#committedMax) callback();
    else this.#session.request(Operation.noop, NO_BODY, () => this.#onCommitted(callback));
  }

  #logWaiting(): void {
    this.#logger.log(
      "info",
      `waiting for the cluster: ${this.#committed} of ${this.#committedMax} requests are committed; ` +
        "a majority of the other replicas has to run, and --cluster and --addresses have to be theirs",
    );
  }
}
