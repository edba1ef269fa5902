/**
 * The replacement of a replica whose disk is lost: what `stagbeetle recover` does (spec 03 §28, spec 07 §11.5).
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import { type Config, Operation } from "@stagbeetle/vsr-protocol";

import type { SimulatedClient } from "./client.ts";
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
  readonly #client: SimulatedClient;
  readonly #requests: number;
  #stage: RecoveryStage = "requesting";

  /** @param machine down, with an empty disk. @param client has not registered yet. */
  constructor(config: Config, machine: Machine, client: SimulatedClient) {
    assert(machine.state === "down" && client.state === "new", () => `${machine.describe()}, client ${client.state}`);
    this.machine = machine;
    this.#client = client;
    this.#requests = config.cluster.pipelinePrepareQueueMax;
    client.register();
  }

  get stage(): RecoveryStage {
    return this.#stage;
  }

  /** To be called in every tick until it is formatted: then the machine can be started. Returns the stage. */
  tick(): RecoveryStage {
    assert(this.#stage === "requesting", () => `a recovery goes on that is ${this.#stage}`);
    const { state, replies, view } = this.#client;
    if (state === "evicted") {
      this.#stage = "evicted";
    } else if (state === "idle" && replies < this.#requests) {
      this.#client.request({ operation: Operation.noop, body: new Uint8Array(0) });
    } else if (state === "idle") {
      this.machine.format(view + VIEWS_AHEAD);
      this.#stage = "formatted";
    }
    return this.#stage;
  }
}
