/**
 * The store of a state machine: grooves on a forest on a grid.
 *
 * Each op is prefetched, executed and compacted, in this order:
 *
 * 1. `prefetchBegin`, then keys are asked for and scans are read. Nothing is written.
 * 2. Grooves are written to. Nothing waits.
 * 3. `compact`, and after some ops `checkpoint`.
 *
 * @module
 */
import { assert, type Kernels, type LinearMemory } from "@stagbeetle/kernels";
import type { Config, ManifestReferences } from "@stagbeetle/vsr-protocol";
import type { BlockStore } from "./block-store.ts";
import type { CompactionObserver } from "./compaction/compaction.ts";
import { Forest } from "./forest.ts";
import { type GrooveDeclaration, treesOf } from "./groove/declaration.ts";
import { Groove, type GrooveLimits } from "./groove/groove.ts";
import type { ManifestLogObserver } from "./manifest-log/manifest-log.ts";
import { Scans } from "./scan/scans.ts";

/** What the forest must know of the superblock, at any time. */
export interface ForestSuperBlock {
  /** The op of the current checkpoint. */
  readonly checkpointOp: number;
  /** Where its manifest log is. */
  readonly manifest: ManifestReferences;
}

/** What a groove forest is made of. */
export interface GrooveForestOptions {
  readonly config: Config;
  readonly kernels: Kernels;
  readonly store: BlockStore;
  readonly superblock: ForestSuperBlock;
  readonly grooves: readonly GrooveDeclaration[];
  /** How much of each groove one op can touch, and memory can keep; {@link grooveLimits} unless given. */
  readonly limitsOf?: (groove: GrooveDeclaration) => GrooveLimits;
  /** How many tables the manifest has room for (`--memory-lsm-manifest`). */
  readonly manifestTablesMax?: number;
  readonly manifestLogObserver?: ManifestLogObserver;
  readonly compactionObserver?: CompactionObserver;
}

/** The limits that follow from a declaration alone: an op looks up twice what it writes at most; nothing else is kept. */
export function grooveLimits({ valuesPerBatch }: GrooveDeclaration): GrooveLimits {
  return { keysPerOp: 2 * valuesPerBatch, objectsPerOp: 2 * valuesPerBatch, cacheObjects: 0 };
}

/** All grooves of a state machine. */
export class GrooveForest {
  readonly memory: LinearMemory;
  readonly scans: Scans;
  readonly forest: Forest;
  /** A checkpoint makes the forest durable. */
  readonly checkpoints: boolean = true;
  readonly #options: GrooveForestOptions;
  readonly #grooves: ReadonlyMap<string, Groove>;

  constructor(options: GrooveForestOptions) {
    const { config, kernels, store, grooves, limitsOf = grooveLimits } = options;
    this.#options = options;
    this.memory = kernels.memory;
    this.forest = new Forest({ ...options, trees: treesOf(grooves) });
    const { forest } = this;
    this.#grooves = new Map(
      grooves.map((declaration) => [
        declaration.name,
        new Groove({ config, kernels, store, forest, declaration, limits: limitsOf(declaration) }),
      ]),
    );
    assert(this.#grooves.size === grooves.length, "two grooves have the same name");
    this.scans = new Scans({ config, kernels, store, forest });
  }

  /** The groove with this name; the same object every time. */
  groove(name: string): Groove {
    const groove = this.#grooves.get(name);
    assert(groove !== undefined, () => `there is no groove ${name}`);
    return groove;
  }

  /** Opens what the superblock refers to. The grid is open. The callback never runs from inside the call; nor do those below. */
  open(callback: () => void): void {
    this.forest.open(this.#options.superblock.manifest, callback);
  }

  /**
   * Begins the prefetch of the next op.
   *
   * @param snapshot which tables on disk the op sees.
   */
  prefetchBegin(snapshot: number): void {
    for (const groove of this.#grooves.values()) groove.prefetchBegin(snapshot);
    this.scans.begin(snapshot);
  }

  /** One beat of compaction, after the commit of `op`. */
  compact(op: number, callback: () => void): void {
    this.forest.compact(op, this.#options.superblock.checkpointOp, () => {
      if (this.forest.beats.endsBar(op)) for (const groove of this.#grooves.values()) groove.barEnded();
      callback();
    });
  }

  /** Writes what compactions did. Then {@link manifestReferences} are those of the new checkpoint. */
  checkpoint(callback: () => void): void {
    this.forest.checkpoint(callback);
  }

  manifestReferences(): ManifestReferences {
    return this.forest.manifestReferences();
  }

  /** Forgets everything, before a state sync. The grid has been cancelled. */
  reset(): void {
    this.scans.reset();
    for (const groove of this.#grooves.values()) groove.reset();
    this.forest.reset();
  }
}
