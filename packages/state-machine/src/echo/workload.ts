/**
 * What the simulator sends to echo machines, and how it checks their replies (spec 02 §26).
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import type { Random } from "@stagbeetle/vsr-protocol";
import { Operation } from "./operation.ts";

/** Where a workload gets its draws, and how large its requests are at most. */
export interface WorkloadOptions {
  readonly random: Random;
  readonly batchSizeLimit: number;
}

/** A request, as far as the message around it is concerned. */
export interface WorkloadRequest {
  readonly operation: number;
  readonly sizeBytes: number;
}

/** Sends random bytes, and expects them back. */
export class Workload {
  readonly #options: WorkloadOptions;
  #sent = 0;
  #delivered = 0;

  constructor(options: WorkloadOptions) {
    this.#options = options;
  }

  /** Writes a request of random length to `body`, which has room for `batchSizeLimit` bytes. */
  buildRequest(_clientIndex: number, body: Uint8Array): WorkloadRequest {
    const { random, batchSizeLimit } = this.#options;
    const sizeBytes = random.intInclusive(32, batchSizeLimit);
    random.fill(body.subarray(0, sizeBytes));
    this.#sent += 1;
    return { operation: Operation.echo, sizeBytes };
  }

  /** Checks a reply. Called for every operation in commit order. */
  onReply(_clientIndex: number, operation: number, _timestamp: bigint, request: Uint8Array, reply: Uint8Array): void {
    assert(operation === Operation.echo, () => `a reply to operation ${operation}`);
    assert(
      request.length === reply.length && request.every((byte, at) => byte === reply[at]),
      () => `a reply of ${reply.length} bytes that is not its request of ${request.length}`,
    );
    this.#delivered += 1;
    assert(this.#delivered <= this.#sent, () => `${this.#delivered} replies to ${this.#sent} requests`);
  }

  /** The echo machine never asks for a pulse. */
  onPulse(_timestamp: bigint): void {
    assert(false, "a pulse for a machine that needs none");
  }

  /** Whether every request was answered. */
  get done(): boolean {
    return this.#delivered === this.#sent;
  }
}
