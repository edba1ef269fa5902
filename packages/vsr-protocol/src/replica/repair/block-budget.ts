/**
 * How many blocks to ask whom for (spec 03 §23.2).
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import type { BlockReference } from "../../block-reference.ts";
import { REPLICAS_MAX } from "../../config/derive.ts";
import type { Time } from "../../ports/time.ts";
import type { Random } from "../../random.ts";
import type { Identity } from "../identity.ts";
import { otherReplicas } from "./other-replica.ts";

/** A block is not asked for again, of anyone, within this time. */
const REPEAT_AFTER_NS = 100_000_000n;

/** What was not answered within this time is given up. */
const EXPIRY_NS = 250_000_000n;

/** A block that was asked for. */
interface RequestedBlock extends BlockReference {
  requestedAt: bigint;
}

/** What a budget is made of. */
export interface BlockBudgetOptions {
  /** `grid_repair_request_max`: how many blocks one message asks for. */
  readonly requestMax: number;
  readonly identity: Pick<Identity, "replica" | "replicaCount">;
  readonly time: Pick<Time, "monotonic">;
  readonly random: Random;
}

/**
 * What is asked of whom: of each replica at most one block more than a message asks for, so that the next full message can
 * follow when all but one were answered.
 */
export class BlockBudget {
  readonly #options: BlockBudgetOptions;
  readonly #requested: readonly RequestedBlock[][] = Array.from({ length: REPLICAS_MAX }, () => []);

  constructor(options: BlockBudgetOptions) {
    this.#options = options;
  }

  /** A random replica that can be asked for as many blocks as a message holds, or null. */
  destination(): number | null {
    const { identity, random, requestMax } = this.#options;
    const candidates = otherReplicas(identity).filter((replica) => this.#free(replica) >= requestMax);
    return candidates.length === 0 ? null : (candidates[random.index(candidates.length)] ?? null);
  }

  /** Notes that the replica is asked for the block. False if it must not be: it was asked for a moment ago. */
  decrement(block: BlockReference, replica: number): boolean {
    const now = this.#options.time.monotonic();
    for (const requested of this.#requested) {
      const known = requested.find((entry) => same(entry, block));
      if (known !== undefined && now - known.requestedAt < REPEAT_AFTER_NS) return false;
    }
    const ofReplica = this.#of(replica);
    const again = ofReplica.find((entry) => same(entry, block));
    if (again !== undefined) {
      again.requestedAt = now;
      return true;
    }
    assert(this.#free(replica) > 0, () => `replica ${replica} is asked for ${ofReplica.length} blocks already`);
    ofReplica.push({ address: block.address, checksum: block.checksum, requestedAt: now });
    return true;
  }

  /** The block has arrived, from whomever. */
  increment(block: BlockReference): void {
    this.#forget((entry) => same(entry, block));
  }

  /** Gives up what was not answered in time. */
  reap(): void {
    const now = this.#options.time.monotonic();
    this.#forget((entry) => now - entry.requestedAt > EXPIRY_NS);
  }

  /** Forgets all requests. */
  refill(): void {
    this.#forget(() => true);
  }

  /** One line for people. */
  describe(): string {
    return otherReplicas(this.#options.identity)
      .map((replica) => `${replica}: ${this.#of(replica).length}`)
      .join(", ");
  }

  #forget(which: (entry: RequestedBlock) => boolean): void {
    for (const requested of this.#requested) {
      for (let at = requested.length - 1; at >= 0; at -= 1) {
        const entry = requested[at];
        if (entry !== undefined && which(entry)) requested.splice(at, 1);
      }
    }
  }

  #free(replica: number): number {
    return this.#options.requestMax + 1 - this.#of(replica).length;
  }

  #of(replica: number): RequestedBlock[] {
    const requested = this.#requested[replica];
    assert(requested !== undefined, () => `replica ${replica}`);
    return requested;
  }
}

function same(left: BlockReference, right: BlockReference): boolean {
  return left.address === right.address && left.checksum === right.checksum;
}
