/**
 * The forest on disk: serves the port of the state machines with the trees of `@stagbeetle/lsm`.
 *
 * Memory is fixed when it is made, however much is stored. Grooves satisfy the port as they are; what is added here is the
 * order in which the forest, its grooves and its scans take their turns.
 *
 * @module
 */
import { assert, type Kernels } from "@stagbeetle/kernels";
import {
  type BlockStore,
  forestBlocksMax,
  Forest as Trees,
  Groove as LsmGroove,
  type GrooveLimits,
  scanBlocksMax,
  type SpillOptions,
  treesOf,
  type GrooveDeclaration,
} from "@stagbeetle/lsm";
import type { Config, ManifestReferences } from "@stagbeetle/vsr-protocol";
import type { Forest, ForestMemory, Scans } from "../forest.ts";
import { LsmScans } from "./lsm-scans.ts";

/** What the forest must know of the superblock, which is open before it. */
export interface LsmForestSuperBlock {
  /** The op of the current checkpoint. */
  readonly checkpointOp: number;
  /** Where that checkpoint has the manifest log. */
  readonly manifestReferences: ManifestReferences;
}

/** What a forest is made of. */
export interface LsmForestOptions {
  readonly config: Config;
  readonly kernels: Kernels;
  /** The grid, which is open before the forest. */
  readonly store: BlockStore;
  readonly superblock: LsmForestSuperBlock;
  readonly grooves: readonly GrooveDeclaration[];
  /** What one op touches of a groove, and what stays in memory. */
  readonly limitsOf: (groove: GrooveDeclaration) => GrooveLimits;
  /** How many tables the manifest has room for (`--memory-lsm-manifest`). */
  readonly manifestTablesMax?: number;
  /** How many blocks compaction may hold (`--memory-lsm-compaction`). */
  readonly compactionBlocksMax?: number;
  /** Where memory tables keep what waits to be flushed; in memory unless said. */
  readonly spill?: SpillOptions;
}

/** How many blocks of the grid a forest holds at once: the grid's pool must have them. */
export function lsmForestBlocksMax(
  config: Config,
  grooves: readonly GrooveDeclaration[],
  compactionBlocksMax?: number,
): number {
  return forestBlocksMax(config, treesOf(grooves).length, compactionBlocksMax) + scanBlocksMax(config);
}

/** A {@link Forest} in a data file. */
export class LsmForest implements Forest {
  readonly memory: ForestMemory;
  readonly kernels: Kernels;
  readonly scans: Scans;
  readonly checkpoints = true;
  /** The trees, for tools and tests. */
  readonly trees: Trees;
  readonly #superblock: LsmForestSuperBlock;
  readonly #grooves: ReadonlyMap<string, LsmGroove>;
  readonly #scans: LsmScans;

  constructor(options: LsmForestOptions) {
    const { config, kernels, store, superblock, grooves, limitsOf } = options;
    const { manifestTablesMax, compactionBlocksMax, spill } = options;
    this.memory = kernels.memory;
    this.kernels = kernels;
    this.#superblock = superblock;
    this.trees = new Trees({
      config,
      kernels,
      store,
      trees: treesOf(grooves),
      ...(manifestTablesMax === undefined ? {} : { manifestTablesMax }),
      ...(compactionBlocksMax === undefined ? {} : { compactionBlocksMax }),
      ...(spill === undefined ? {} : { spill }),
    });
    const create = (declaration: GrooveDeclaration): LsmGroove =>
      new LsmGroove({ config, kernels, store, forest: this.trees, declaration, limits: limitsOf(declaration) });
    this.#grooves = new Map(grooves.map((declaration) => [declaration.name, create(declaration)]));
    assert(this.#grooves.size === grooves.length, "two grooves have the same name");
    this.#scans = new LsmScans({ config, kernels, store, forest: this.trees });
    this.scans = this.#scans;
  }

  groove(name: string): LsmGroove {
    const groove = this.#grooves.get(name);
    assert(groove !== undefined, () => `there is no groove ${name}`);
    return groove;
  }

  open(callback: () => void): void {
    this.trees.open(this.#superblock.manifestReferences, callback);
  }

  prefetchBegin(snapshot: number): void {
    assert(this.trees.state === "open", () => `an op begins while the forest is ${this.trees.state}`);
    this.#scans.begin(snapshot);
    for (const groove of this.#grooves.values()) groove.prefetchBegin(snapshot);
  }

  compact(op: number, callback: () => void): void {
    this.trees.compact(op, this.#superblock.checkpointOp, () => {
      if (this.trees.beats.endsBar(op)) for (const groove of this.#grooves.values()) groove.barEnded();
      callback();
    });
  }

  checkpoint(callback: () => void): void {
    this.trees.checkpoint(callback);
  }

  checkpointReferences(): ManifestReferences {
    return this.trees.manifestReferences();
  }

  /** Forgets everything. The grid has been cancelled. */
  reset(): void {
    this.#scans.reset();
    for (const groove of this.#grooves.values()) groove.reset();
    this.trees.reset();
  }
}
