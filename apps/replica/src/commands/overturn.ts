/**
 * Turning over a cluster's pipeline: as many committed requests as there can be prepares that are not (spec 06 §4.2).
 */
import { createLogger } from "@stagbeetle/command-line";
import { randomBytes } from "node:crypto";

import { Session } from "@stagbeetle/client";
import { MessageBus, SystemTime } from "@stagbeetle/io-linux";
import { createKernels, LinearMemory } from "@stagbeetle/kernels";
import { Checksums, fatal, FatalReason, MessagePool, Operation, Random, readU128 } from "@stagbeetle/vsr-protocol";
import type { Address, Config, MessageBuffer } from "@stagbeetle/vsr-protocol";

import { RELEASE } from "../release.ts";

/** A request, a ping and what is received; and for each connection its buffer and what is queued. */
const MESSAGES_OF_SESSION = 4;
const MESSAGES_OF_CONNECTION = 6;
const MEMORY_BESIDE_MESSAGES_BYTES = 2 ** 20;

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
  readonly #bus: MessageBus;
  readonly #committedMax: number;
  readonly #logger = createLogger("main");
  readonly #tickMs: number;
  readonly #timers: NodeJS.Timeout[] = [];
  #committed = 0;

  constructor({ config, cluster, addresses, replicaCount }: OverturnOptions) {
    const { messageSizeMax, pipelinePrepareQueueMax } = config.cluster;
    const messagesMax = MESSAGES_OF_SESSION + addresses.length * MESSAGES_OF_CONNECTION;
    const memory = new LinearMemory({ sizeBytes: messagesMax * messageSizeMax + MEMORY_BESIDE_MESSAGES_BYTES });
    const pool = new MessagePool({ memory, messageSizeMax, messagesMax });
    const checksums = new Checksums(createKernels({ memory }));
    const client = randomClient();
    const random = new Random(BigInt.asUintN(64, client));
    this.#committedMax = pipelinePrepareQueueMax;
    this.#tickMs = config.process.tickMs;
    this.#bus = new MessageBus({
      role: { kind: "client" },
      config,
      addresses: addresses.slice(0, replicaCount),
      pool,
      checksums,
      receiver: { onMessages: (buffer: MessageBuffer) => this.#session.onMessages(buffer) },
      random,
      logger: createLogger("message_bus"),
    });
    this.#session = new Session({
      config,
      pool,
      checksums,
      bus: this.#bus,
      time: new SystemTime(),
      random,
      cluster,
      client,
      replicaCount,
      release: RELEASE,
      onEviction: ({ message }) => fatal(FatalReason.cli, message),
      logger: createLogger("client"),
    });
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

function randomClient(): bigint {
  const bytes = randomBytes(16);
  const client = readU128(new DataView(bytes.buffer, bytes.byteOffset, bytes.length), 0);
  return client === 0n ? 1n : client;
}
