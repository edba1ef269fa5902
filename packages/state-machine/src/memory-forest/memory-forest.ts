/**
 * A forest that lives in memory alone: the model of the real one, and a ledger for tests.
 *
 * Every read answers as the real forest does; nothing is ever durable. Objects are found by hash, scans by indexes that are built when
 * they are first needed, so committing costs little more than writing the objects. The first scan of an index costs
 * time in proportion to the objects of its groove (about 0.1 s for a million).
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import type { GrooveDeclaration } from "@stagbeetle/lsm";
import type { ManifestReferences } from "@stagbeetle/vsr-protocol";
import type { Forest, Scans } from "../forest.ts";
import { MemoryGroove, type NextTick } from "./groove.ts";
import { GrowingMemory, MEMORY_SIZE_BYTES_MAX } from "./memory.ts";
import { MemoryScans } from "./scans.ts";

/** How a forest in memory is made. */
export interface MemoryForestOptions {
  readonly grooves: readonly GrooveDeclaration[];
  /** Runs a callback after the calls now on the stack have returned, as the storage's `nextTick` does. */
  readonly nextTick: NextTick;
  /** What objects may take up in bytes; beyond it the process ends with a clear line. Default: 4 GiB − 64 KiB. */
  readonly memorySizeBytesMax?: number;
  /** How many trees are scanned at once. */
  readonly scansMax: number;
}

type State = "created" | "open";

/** A {@link Forest} without a disk. Its memory grows in steps, between operations only. */
export class MemoryForest implements Forest {
  /** Its memory grows, and no kernel can follow that. */
  readonly kernels: null = null;
  readonly memory: GrowingMemory;
  readonly scans: Scans;
  readonly checkpoints = false;
  readonly #options: MemoryForestOptions;
  #grooves: readonly MemoryGroove[];
  #state: State = "created";

  constructor(options: MemoryForestOptions) {
    this.#options = options;
    this.memory = new GrowingMemory(options.memorySizeBytesMax ?? MEMORY_SIZE_BYTES_MAX);
    this.#grooves = options.grooves.map((groove) => new MemoryGroove(groove, this.memory, options.nextTick));
    this.scans = new MemoryScans(this.memory, options.nextTick, options.scansMax);
    const treeIds = options.grooves.flatMap((groove) => [
      groove.treeId,
      ...groove.indexes.map((index) => index.treeId),
    ]);
    assert(new Set(treeIds).size === treeIds.length, () => `tree ids are not unique: ${treeIds.join(", ")}`);
  }

  groove(name: string): MemoryGroove {
    const groove = this.#grooves.find(({ declaration }) => declaration.name === name);
    assert(groove !== undefined, () => `there is no groove ${name}`);
    return groove;
  }

  open(callback: () => void): void {
    assert(this.#state === "created", "the forest is opened twice");
    this.#state = "open";
    this.#options.nextTick(callback);
  }

  prefetchBegin(_snapshot: number): void {
    assert(this.#state === "open", "the forest is not open");
    this.scans.release();
    for (const groove of this.#grooves) groove.reserve();
  }

  compact(_op: number, callback: () => void): void {
    assert(this.#state === "open", "the forest is not open");
    this.#options.nextTick(callback);
  }

  /**
   * The entries of an index tree as (value, timestamp), in key order, those of burnt keys left out: what the tree of a
   * real forest holds after the same operations. For comparisons, not for hot paths.
   */
  entriesOf(treeId: number): [value: bigint, timestamp: bigint][] {
    for (const groove of this.#grooves) {
      const index = groove.indexes.find(({ declaration }) => declaration.treeId === treeId);
      if (index !== undefined) return index.entries();
    }
    assert(false, () => `there is no index tree ${treeId}`);
  }

  checkpoint(_callback: () => void): void {
    assert(false, "a forest in memory has no checkpoints");
  }

  checkpointReferences(): ManifestReferences {
    assert(false, "a forest in memory has no checkpoints");
  }

  reset(): void {
    assert(false, "a forest in memory cannot be reset: there is nothing to open it from");
  }
}
