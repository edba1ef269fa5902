/**
 * Clients that survive the replica's crashes, and what must hold of all its lives together.
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import { PrepareHeader } from "@stagbeetle/vsr-protocol";
import type { WriteAttempt } from "./memory-storage.ts";
import type { Solo, TestClient } from "./solo.ts";

/** Prepares as they go to disk, by view and op: no two may share both. */
export class PrepareIdentities {
  readonly #checksums = new Map<string, bigint>();

  see({ zone, buffer }: WriteAttempt): void {
    if (zone !== "walPrepares") return;
    const { op, view, checksum } = new PrepareHeader(buffer);
    const key = `${view}:${op}`;
    const seen = this.#checksums.get(key) ?? checksum;
    assert(seen === checksum, () => `two prepares of view ${view} and op ${op}`);
    this.#checksums.set(key, checksum);
  }
}

/** A client that adds 1 as often as it is told, and retries for as long as it takes. */
export class Adder {
  readonly client: TestClient;
  /** What its replies said of how often all clients added, as far as it got them. */
  readonly counts: number[] = [];

  constructor(client: TestClient) {
    this.client = client;
  }

  get acknowledged(): number {
    return this.counts.length;
  }

  /** Sends what is due: the register, the request in flight again, or the next one. */
  push(): void {
    const { client } = this;
    if (client.inFlight !== null) client.resend();
    else if (client.session === 0) client.register();
    else client.send();
  }

  /** Takes what came. A reply may come twice. */
  pull(): void {
    const [received] = this.client.inbox();
    if (received === undefined) return;
    const registered = this.client.session !== 0;
    this.client.accept(received);
    if (registered) this.counts.push(received.tally.count);
  }
}

/** One life: clients add until each has `target` replies, or the process dies. */
export function live(solo: Solo, adders: readonly Adder[], target: number): void {
  const rounds = 50;
  for (let round = 0; round < rounds; round += 1) {
    const waiting = adders.filter((adder) => adder.acknowledged < target);
    if (waiting.length === 0) return;
    for (const adder of waiting) adder.push();
    solo.settle();
    for (const adder of waiting) adder.pull();
    if (solo.storage.crashed) return;
  }
  assert(false, `the clients are not served: ${solo.replica.describe()}`);
}
