/**
 * How many prepares to ask whom for (spec 03 §20.7): few at once, mostly of the replica that answers soonest.
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import { REPLICAS_MAX } from "../../config/derive.ts";
import type { Time } from "../../ports/time.ts";
import type { Random } from "../../random.ts";
import type { Identity } from "../identity.ts";
import { otherReplicas } from "./other-replica.ts";

/** How many prepares may be outstanding of one replica. */
export const PREPARES_OUTSTANDING_MAX = 2;

const LATENCY_INITIAL_NS = 1_000_000n;

/** A request is given up after twice the latency, but not later than this. */
const EXPIRY_MAX_NS = 500_000_000n;

/** In how many choices one is random, so that a replica that has become faster is found. */
const EXPLORE_ONE_IN = 10;

/** What is known of one replica. */
interface Remote {
  /** When each op was asked for. */
  readonly requestedAt: Map<number, bigint>;
  latencyNs: bigint;
}

/** What a budget is made of. */
export interface PrepareBudgetOptions {
  readonly identity: Pick<Identity, "replica" | "replicaCount">;
  readonly time: Pick<Time, "monotonic">;
  readonly random: Random;
}

/** What is asked of whom. {@link decrement} before each request, {@link increment} when a prepare arrives. */
export class PrepareBudget {
  readonly #options: PrepareBudgetOptions;
  readonly #remotes: readonly Remote[] = Array.from({ length: REPLICAS_MAX }, () => ({
    requestedAt: new Map<number, bigint>(),
    latencyNs: LATENCY_INITIAL_NS,
  }));

  constructor(options: PrepareBudgetOptions) {
    this.#options = options;
  }

  /** Whether any replica can be asked for anything. */
  get exhausted(): boolean {
    return otherReplicas(this.#options.identity).every((replica) => this.#full(replica));
  }

  /** How long the replica takes to answer, in nanoseconds: an average that follows slowly. */
  latencyNs(replica: number): bigint {
    return this.#remote(replica).latencyNs;
  }

  /** Whom to ask for the op now, or null: all who could be asked are busy or were asked for it already. */
  decrement(op: number): number | null {
    const { identity, time, random } = this.#options;
    const candidates = otherReplicas(identity).filter(
      (replica) => !this.#full(replica) && !this.#remote(replica).requestedAt.has(op),
    );
    if (candidates.length === 0) return null;
    const explore = random.chance(1, EXPLORE_ONE_IN);
    const chosen = explore ? candidates[random.index(candidates.length)] : this.#soonest(candidates);
    assert(chosen !== undefined, "a candidate is chosen");
    this.#remote(chosen).requestedAt.set(op, time.monotonic());
    return chosen;
  }

  /** The prepare of the op has arrived: from any of those that were asked for it, because it does not tell its sender. */
  increment(op: number): void {
    const now = this.#options.time.monotonic();
    for (const remote of this.#remotes) {
      const requestedAt = remote.requestedAt.get(op);
      if (requestedAt === undefined) continue;
      remote.requestedAt.delete(op);
      learnLatency(remote, now - requestedAt);
    }
  }

  /** Gives up what was not answered in time. */
  reap(): void {
    const now = this.#options.time.monotonic();
    for (const remote of this.#remotes) {
      for (const [op, requestedAt] of remote.requestedAt) {
        const age = now - requestedAt;
        const expiry = 2n * remote.latencyNs;
        if (age <= (expiry < EXPIRY_MAX_NS ? expiry : EXPIRY_MAX_NS)) continue;
        remote.requestedAt.delete(op);
        learnLatency(remote, age);
      }
    }
  }

  /** Forgets all requests: what they were for is no longer wanted. */
  refill(): void {
    for (const remote of this.#remotes) remote.requestedAt.clear();
  }

  /** One line for people. */
  describe(): string {
    return otherReplicas(this.#options.identity)
      .map((replica) => {
        const { requestedAt, latencyNs } = this.#remote(replica);
        return `${replica}: ${[...requestedAt.keys()].join(" ") || "none"} (${latencyNs / 1000n} us)`;
      })
      .join(", ");
  }

  #soonest(candidates: readonly number[]): number | undefined {
    let soonest = candidates[0];
    for (const replica of candidates) {
      if (soonest !== undefined && this.latencyNs(replica) < this.latencyNs(soonest)) soonest = replica;
    }
    return soonest;
  }

  #full(replica: number): boolean {
    const { size } = this.#remote(replica).requestedAt;
    assert(size <= PREPARES_OUTSTANDING_MAX, () => `${size} prepares are asked of replica ${replica}`);
    return size === PREPARES_OUTSTANDING_MAX;
  }

  #remote(replica: number): Remote {
    const remote = this.#remotes[replica];
    assert(remote !== undefined, () => `replica ${replica}`);
    return remote;
  }
}

function learnLatency(remote: Remote, elapsedNs: bigint): void {
  assert(elapsedNs >= 0n, () => `an answer after ${elapsedNs} ns`);
  remote.latencyNs = (4n * remote.latencyNs + elapsedNs) / 5n;
}
