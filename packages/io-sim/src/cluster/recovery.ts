/**
 * The replacement of a replica whose disk is lost: what `stagbeetle recover` does (spec 03 §28, spec 07 §11.5).
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import { Operation } from "@stagbeetle/vsr-protocol";

import type { SimulatedClient } from "./client.ts";
import type { Cluster } from "./cluster.ts";
import type { Machine } from "./machine.ts";

/** A pipeline of requests, and then a data file of a view that the lost replica cannot have been in. */
export type RecoveryStage = "requesting" | "formatted" | "evicted";

/** Two views further: the lost replica may have been active in the client's, and may have asked for the next. */
const VIEWS_AHEAD = 2;

/**
 * One replacement. Its client commits as many requests as a pipeline has: then all that the lost replica may have acknowledged
 * is committed or superseded, and a replica that knows nothing of it tells the truth.
 */
export class Recovery {
  readonly machine: Machine;
  readonly #cluster: Cluster;
  readonly #client: SimulatedClient;
  #stage: RecoveryStage = "requesting";

  /** @param replica whose disk was replaced by an empty one. */
  constructor(cluster: Cluster, replica: number) {
    this.#cluster = cluster;
    this.machine = cluster.machineAt(replica);
    this.#client = cluster.addClient();
    assert(this.machine.state === "down", () => `a replica is replaced that is ${this.machine.describe()}`);
    this.#client.register();
  }

  get stage(): RecoveryStage {
    return this.#stage;
  }

  /** To be called in every tick until it is formatted: then the machine can be started. Returns the stage. */
  tick(): RecoveryStage {
    assert(this.#stage === "requesting", () => `a recovery goes on that is ${this.#stage}`);
    const { state, replies, view } = this.#client;
    const requests = this.#cluster.config.cluster.pipelinePrepareQueueMax;
    if (state === "evicted") {
      this.#stage = "evicted";
    } else if (state === "idle" && replies < requests) {
      this.#client.request({ operation: Operation.noop, body: new Uint8Array(0) });
    } else if (state === "idle") {
      this.#cluster.reformat(this.machine.index, view + VIEWS_AHEAD);
      this.#stage = "formatted";
    }
    return this.#stage;
  }
}
