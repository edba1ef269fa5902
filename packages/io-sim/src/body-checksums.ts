/**
 * The port to body checksums as another thread behaves: checksums come later and in any order (architecture, "Another thread").
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import type { BodyChecksums, ChecksumRequest, Checksums, Random } from "@stagbeetle/vsr-protocol";

import { exponential } from "./exponential.ts";
import type { Latency } from "./faults/storage-faults.ts";

const TICK_MICROSECONDS = 10_000;

/** Few, so that whoever defers is also seen to wait. */
const DEFERRED_MAX = 4;

interface Pending {
  readonly request: ChecksumRequest;
  /** Of the bytes as they were when the request came: they must not change. */
  readonly checksum: bigint;
  readonly readyMicroseconds: number;
}

/** What simulated checksums are made of. */
export interface SimulatedBodyChecksumsOptions {
  readonly checksums: Checksums;
  /** Its own generator, so that its draws disturb nobody else's. */
  readonly random: Random;
  /** How long a checksum takes. */
  readonly latency: Latency;
}

/**
 * Checksums that are computed by somebody else. Nothing happens by itself: `tick` lets 10 ms pass, `step` completes at most one
 * request that is due, any of them.
 */
export class SimulatedBodyChecksums implements BodyChecksums {
  readonly deferredMax: number = DEFERRED_MAX;
  readonly #checksums: Checksums;
  readonly #random: Random;
  readonly #latency: Latency;
  readonly #pending: Pending[] = [];
  #ticks = 0;

  constructor({ checksums, random, latency }: SimulatedBodyChecksumsOptions) {
    this.#checksums = checksums;
    this.#random = random;
    this.#latency = latency;
  }

  /** How many checksums are being computed. */
  get pendingCount(): number {
    return this.#pending.length;
  }

  compute(request: ChecksumRequest, bytes: Uint8Array): void {
    request.begin(bytes);
    const { minimumMicroseconds, meanMicroseconds } = this.#latency;
    const delay = Math.max(minimumMicroseconds, exponential(this.#random, meanMicroseconds));
    const readyMicroseconds = this.#ticks * TICK_MICROSECONDS + delay;
    this.#pending.push({ request, checksum: this.#checksums.of(bytes), readyMicroseconds });
  }

  /** Lets 10 ms pass. Completes nothing. */
  tick(): void {
    this.#ticks += 1;
  }

  /** Completes one of the requests that are due, if any. Returns whether there was one. */
  step(): boolean {
    const now = this.#ticks * TICK_MICROSECONDS;
    const due = this.#pending.filter(({ readyMicroseconds }) => readyMicroseconds <= now);
    const next = due.length === 0 ? undefined : due[this.#random.index(due.length)];
    if (next === undefined) return false;
    this.#pending.splice(this.#pending.indexOf(next), 1);
    const { request, checksum } = next;
    assert(this.#checksums.of(request.bytes) === checksum, "a body changed while its checksum was computed");
    request.complete(checksum);
    return true;
  }
}
