/**
 * Partitions that come and go by chance, among the nodes of a cluster (spec 07 §9.4). Clients reach all nodes always.
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import type { Random } from "@stagbeetle/vsr-protocol";

import { chance, NEVER, type Ratio } from "../faults/storage-faults.ts";
import type { Address } from "./endpoint.ts";

/** How a partition chooses its two sides. `none`: there are no partitions. */
export const PARTITION_MODES = ["none", "uniformSize", "uniformPartition", "isolateSingle"] as const;
export type PartitionMode = (typeof PARTITION_MODES)[number];

/** How often the nodes are cut into two sides, and for how long at least. */
export interface PartitionFaults {
  readonly mode: PartitionMode;
  /** Whether one side still hears the other. */
  readonly symmetry: "symmetric" | "asymmetric";
  /** Chances in each tick. */
  readonly begin: Ratio;
  readonly end: Ratio;
  /** How many ticks a partition lasts, and how many the network stays whole, at least. */
  readonly stabilityTicks: number;
  readonly wholeTicks: number;
}

/** A network that stays whole. */
export const NO_PARTITIONS: PartitionFaults = {
  mode: "none",
  symmetry: "symmetric",
  begin: NEVER,
  end: NEVER,
  stabilityTicks: 0,
  wholeTicks: 0,
};

/** Which links between nodes a partition has cut. */
export class Partitions {
  readonly #random: Random;
  readonly #nodeCount: number;
  /** For each node the side that it is on; null while the network is whole. */
  #sides: readonly boolean[] | null = null;
  /** The side whose messages still reach the other; null if none does. */
  #heardSide: boolean | null = null;
  #stableTicks = 0;

  constructor(random: Random, nodeCount: number) {
    this.#random = random;
    this.#nodeCount = nodeCount;
  }

  /** Whether the nodes are cut into two sides now. */
  get active(): boolean {
    return this.#sides !== null;
  }

  /** Whether nothing gets from one address to the other. */
  cuts(from: Address, to: Address): boolean {
    if (this.#sides === null || typeof from === "bigint" || typeof to === "bigint") return false;
    const side = this.#sides[from];
    return side !== this.#sides[to] && side !== this.#heardSide;
  }

  /** Lets 10 ms pass. */
  tick(faults: PartitionFaults): void {
    if (this.#stableTicks > 0) {
      this.#stableTicks -= 1;
      return;
    }
    if (this.#sides !== null) {
      if (!chance(this.#random, faults.end)) return;
      this.heal();
      this.#stableTicks = faults.wholeTicks;
    } else if (this.#nodeCount > 1 && faults.mode !== "none" && chance(this.#random, faults.begin)) {
      this.#sides = this.#drawSides(faults.mode);
      this.#heardSide = faults.symmetry === "asymmetric" ? this.#random.boolean() : null;
      this.#stableTicks = faults.stabilityTicks;
    }
  }

  /** Ends the partition, if there is one. */
  heal(): void {
    this.#sides = null;
    this.#heardSide = null;
    this.#stableTicks = 0;
  }

  #drawSides(mode: Exclude<PartitionMode, "none">): readonly boolean[] {
    const count = this.#nodeCount;
    assert(count > 1, () => `${count} nodes cannot be parted`);
    switch (mode) {
      case "uniformSize":
        return this.#sideOf(this.#random.rangeInclusive(32, 1, count - 1));
      case "uniformPartition":
        return Array.from({ length: count }, () => this.#random.boolean());
      case "isolateSingle":
        return this.#sideOf(1);
    }
  }

  /** A side of so many nodes, drawn at random. */
  #sideOf(size: number): readonly boolean[] {
    const sides = Array.from({ length: this.#nodeCount }, () => false);
    for (let taken = 0; taken < size;) {
      const node = this.#random.index(this.#nodeCount);
      if (sides[node] === true) continue;
      sides[node] = true;
      taken += 1;
    }
    return sides;
  }
}
