/**
 * Requests to the echo machine: random bytes of random length (spec 07 §16).
 *
 * @module
 */
import { echo } from "@stagbeetle/state-machine";
import type { Random } from "@stagbeetle/vsr-protocol";

import type { Workload, WorkloadRequest } from "./workload.ts";

/** Sends bytes that come back. */
export class EchoWorkload implements Workload {
  readonly #random: Random;

  constructor(random: Random) {
    this.#random = random;
  }

  next(bodySizeMax: number): WorkloadRequest {
    const body = new Uint8Array(this.#random.rangeInclusive(32, 0, bodySizeMax));
    this.#random.fill(body);
    return { operation: echo.Operation.echo, body };
  }

  /** The state of an echo machine cannot be asked for. */
  readBack(bodySizeMax: number): WorkloadRequest {
    return this.next(bodySizeMax);
  }
}
