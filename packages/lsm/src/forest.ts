/**
 * The forest: all trees of a state machine, compacted together, a little with each op (spec 05 §9, §15).
 *
 * One op after the other goes through {@link Forest.compact}, after its values were put. At some ops a
 * {@link Forest.checkpoint} follows, and what the forest holds then, but for the last bar, is what it opens with.
 *
 * @module
 */
import type { Reservation } from "@stagbeetle/grid";
import { assert, type Kernels, type Pointer, sortScratchSizeBytes } from "@stagbeetle/kernels";
import type { Config, ManifestReferences } from "@stagbeetle/vsr-protocol";
import { Beats } from "./beats.ts";
import type { BlockStore } from "./block-store.ts";
import { Compaction, type CompactionContext, type CompactionObserver } from "./compaction/compaction.ts";
import { COMPACTION_BLOCKS_DEFAULT } from "./compaction/compaction-blocks.ts";
import { Compactor } from "./compaction/compactor.ts";
import { tablesPerForestMax } from "./manifest/level-limits.ts";
import { NodePool } from "./manifest/segmented-array.ts";
import { TableInfoPool, TableInfoView } from "./manifest/table-info.ts";
import { ManifestLog, type ManifestLogObserver } from "./manifest-log/manifest-log.ts";
import { ManifestPace } from "./manifest-log/pace.ts";
import { Spill, type SpillOptions } from "./spill/spill.ts";
import { SpilledMerge } from "./spill/spilled-merge.ts";
import { Tree } from "./tree.ts";
import type { TreeDeclaration } from "./tree-schema.ts";

/** What a forest is made of. */
export interface ForestOptions {
  readonly config: Config;
  readonly kernels: Kernels;
  readonly store: BlockStore;
  readonly trees: readonly TreeDeclaration[];
  /** How many tables the manifest has room for (`--memory-lsm-manifest`); as many as a forest can have unless said. */
  readonly manifestTablesMax?: number;
  /** How many blocks compaction may hold (`--memory-lsm-compaction`); {@link COMPACTION_BLOCKS_DEFAULT} unless said. */
  readonly compactionBlocksMax?: number;
  /** Where memory tables keep what waits to be flushed; in memory unless said. */
  readonly spill?: SpillOptions;
  readonly manifestLogObserver?: ManifestLogObserver;
  readonly compactionObserver?: CompactionObserver;
}

/** What a forest is doing. */
export type ForestState = "closed" | "opening" | "open" | "compacting" | "checkpointing";

const TRANSITIONS: Readonly<Record<ForestState, readonly ForestState[]>> = {
  closed: ["opening"],
  opening: ["open", "closed"],
  open: ["compacting", "checkpointing", "closed"],
  compacting: ["open", "closed"],
  checkpointing: ["open", "closed"],
};

/** How many blocks a forest holds at once, for the size of the grid's pool. */
export function forestBlocksMax(
  config: Config,
  treeCount: number,
  compactionBlocksMax: number = COMPACTION_BLOCKS_DEFAULT,
): number {
  const { buffersMax } = new ManifestPace(config, treeCount);
  return compactionBlocksMax + buffersMax;
}

/** One op's compaction under way. */
interface CompactingOp {
  readonly op: number;
  readonly checkpoint: number;
  readonly callback: () => void;
  /** Whether the manifest log takes part: at the end of a half-bar. */
  manifestPending: boolean;
  treesPending: boolean;
}

/** All trees. */
export class Forest {
  /** In the order of their ids, which is the order of all that happens. */
  readonly trees: readonly Tree[];
  readonly manifestLog: ManifestLog;
  readonly beats: Beats;
  readonly infos: TableInfoView;
  /** Null if memory tables keep all in memory. */
  readonly spill: Spill | null;
  readonly #store: BlockStore;
  readonly #infoPool: TableInfoPool;
  readonly #treesById: ReadonlyMap<number, Tree>;
  readonly #compactions: readonly (readonly Compaction[])[];
  readonly #compactor: Compactor;
  readonly #context: CompactionContext;
  readonly #sortScratch: Pointer;
  #state: ForestState = "closed";
  /** Bytes of values that the compactions of this half-bar have still to consume. */
  #halfBarInputBytes = 0;
  #compacting: CompactingOp | null = null;

  constructor(options: ForestOptions) {
    const { config, kernels, store, manifestLogObserver, compactionObserver } = options;
    const { memory } = kernels;
    const pace = new ManifestPace(config, options.trees.length);
    const tablesMax = options.manifestTablesMax ?? tablesPerForestMax(config);
    const nodeCapacity = config.process.lsmManifestNodeSize / 4;
    const levelCount = options.trees.length * config.cluster.lsmLevels;
    const nodeCount = NodePool.nodeCountFor(tablesMax, levelCount, nodeCapacity);
    const infos = new TableInfoView(memory);
    const nodes = new NodePool(memory, nodeCapacity, nodeCount);
    this.spill = options.spill === undefined ? null : new Spill(kernels, options.spill);
    const spill = this.spill === null ? null : new SpilledMerge(this.spill);
    const treeOptions = { config, kernels, memory, infos, nodes, spill };
    this.beats = new Beats(config);
    this.infos = infos;
    this.#store = store;
    this.#infoPool = new TableInfoPool(memory, tablesMax);
    this.manifestLog = new ManifestLog({
      kernels,
      store,
      pace,
      ...(manifestLogObserver === undefined ? {} : { observer: manifestLogObserver }),
    });
    this.trees = options.trees
      .toSorted((a, b) => a.treeId - b.treeId)
      .map((declaration) => new Tree(declaration, treeOptions));
    this.#treesById = new Map(this.trees.map((tree) => [tree.schema.treeId, tree]));
    assert(this.#treesById.size === this.trees.length, "two trees have the same id");
    this.#context = {
      config,
      beats: this.beats,
      memory,
      infos,
      infoPool: this.#infoPool,
      manifestLog: this.manifestLog,
      ...(compactionObserver === undefined ? {} : { observer: compactionObserver }),
    };
    this.#compactions = Array.from({ length: config.cluster.lsmLevels }, (_, levelB) =>
      this.trees.map((tree) => new Compaction(tree, levelB, this.#context)),
    );
    const blocksMax = options.compactionBlocksMax ?? COMPACTION_BLOCKS_DEFAULT;
    this.#compactor = new Compactor({ kernels, store, infos, blocksMax, spill: this.spill });
    const scratchSizes = this.trees.map(({ schema }) => sortScratchSizeBytes(schema.layout, schema.valueCountMax));
    this.#sortScratch = memory.allocate(Math.max(...scratchSizes), 64, "sorting");
  }

  get state(): ForestState {
    return this.#state;
  }

  tree(treeId: number): Tree {
    const tree = this.#treesById.get(treeId);
    assert(tree !== undefined, () => `there is no tree ${treeId}`);
    return tree;
  }

  /** Reads the manifest that the superblock refers to. The memory tables are empty then. */
  open(references: ManifestReferences, callback: () => void): void {
    this.#transition("opening");
    const onTable = (entry: Pointer): void => {
      const treeId = this.infos.treeId(entry);
      const tree = this.#treesById.get(treeId);
      assert(tree !== undefined, () => `the manifest has a table of tree ${treeId}, which does not exist`);
      const info = this.#infoPool.allocate();
      this.infos.copy(info, entry);
      tree.manifest.restore(info);
    };
    this.manifestLog.open(references, onTable, () => {
      for (const tree of this.trees) tree.opened();
      this.assertTablesLogged();
      this.#transition("open");
      callback();
    });
  }

  /** Sorts a tree's mutable table as a whole. Lookups and scans that see it need that (spec 05 §7.4 says exactly which). */
  sortMutable(tree: Tree): void {
    tree.memory.mutable.sort(this.#sortScratch);
  }

  /**
   * One beat: after the op was executed, and every op.
   *
   * @param checkpoint the op of the current checkpoint.
   * @param callback never runs from inside the call.
   */
  compact(op: number, checkpoint: number, callback: () => void): void {
    this.#transition("compacting");
    const ends = this.beats.endsHalfBar(op);
    this.#compacting = { op, checkpoint, callback, manifestPending: false, treesPending: false };
    if (!this.beats.compacts(op, checkpoint)) {
      assert(this.manifestLog.empty, "the manifest log has entries of ops that are not compacted");
      this.#store.nextTick(() => this.#finishOp());
      return;
    }
    this.#compacting.manifestPending = ends;
    this.#compacting.treesPending = true;
    // Its places in the grid come before the trees'.
    if (ends) this.manifestLog.compact(() => this.#onManifestLogCompacted());
    if (this.beats.startsHalfBar(op)) this.#plan(op, checkpoint);
    this.#beat(op);
  }

  /** Makes everything durable that {@link compact} did. What memory tables hold is not in it. */
  checkpoint(callback: () => void): void {
    this.#transition("checkpointing");
    this.#assertCheckpointable();
    let pending = 2;
    const done = (): void => {
      pending -= 1;
      if (pending > 0) return;
      this.#transition("open");
      callback();
    };
    this.#compactor.finishWrites(done);
    this.manifestLog.checkpoint(done);
  }

  /** Where the manifest log is: of the checkpoint that was written or opened last. */
  manifestReferences(): ManifestReferences {
    return this.manifestLog.references();
  }

  /** Forgets everything, before a state sync. The grid has been cancelled. */
  reset(): void {
    if (this.#state !== "closed") this.#transition("closed");
    this.manifestLog.reset();
    this.#compactor.reset();
    for (const compaction of this.#compactions.flat()) compaction.reset();
    for (const tree of this.trees) tree.reset();
    this.#infoPool.reset();
    this.#halfBarInputBytes = 0;
    this.#compacting = null;
  }

  /** Asserts that each table of each tree has an entry in the manifest log, and that there are no others. */
  assertTablesLogged(): void {
    const count = this.trees.reduce((sum, tree) => sum + tree.manifest.tableCount, 0);
    assert(
      count === this.manifestLog.extents.count,
      () => `${count} tables, and ${this.manifestLog.extents.count} in the manifest log`,
    );
  }

  /** Compactions of the half-bar of `op`, in order. */
  #active(op: number): readonly Compaction[] {
    return this.#compactions.filter((_, levelB) => this.beats.levelActive(op, levelB)).flat();
  }

  #plan(op: number, checkpoint: number): void {
    assert(this.#halfBarInputBytes === 0, () => `${this.#halfBarInputBytes} bytes of the last half-bar are left`);
    for (const compaction of this.#active(op)) {
      this.#halfBarInputBytes += compaction.plan(op, checkpoint) * compaction.tree.schema.layout.sizeBytes;
    }
  }

  #beat(op: number): void {
    const active = this.#active(op);
    const beatBytes = Math.ceil(this.#halfBarInputBytes / this.beats.beatsRemaining(op));
    assignBeatQuotas(active, beatBytes);
    const reservation = this.#store.reserve(beatBlocksMax(active));
    this.#runCompactions(active, 0, beatBytes, reservation);
  }

  /** One after the other, until the beat's bytes were consumed. */
  #runCompactions(active: readonly Compaction[], from: number, bytes: number, reservation: Reservation): void {
    let left = bytes;
    for (let number = from; number < active.length && left > 0; number += 1) {
      const compaction = active[number];
      if (compaction === undefined || compaction.state !== "merging" || compaction.quotas.beat === 0) continue;
      let ended = false;
      let waiting = false;
      const next = number + 1;
      const onEnd = (): void => {
        const done = compaction.quotas.beatDone * compaction.tree.schema.layout.sizeBytes;
        this.#halfBarInputBytes -= done;
        left = Math.max(0, left - done);
        this.#context.observer?.beatEnded(compaction);
        ended = true;
        if (waiting) this.#runCompactions(active, next, left, reservation);
      };
      this.#compactor.run(compaction, reservation, onEnd);
      if (!ended) {
        waiting = true;
        return;
      }
    }
    assert(left === 0, () => `${left} bytes of the beat are left`);
    this.#store.forfeit(reservation);
    // The tables of the half-bar become visible now, and the manifest has their checksums.
    if (this.beats.endsHalfBar(this.#compactingOp().op)) this.#compactor.finishSeals(() => this.#onTreesCompacted());
    else this.#onTreesCompacted();
  }

  #onTreesCompacted(): void {
    const compacting = this.#compactingOp();
    compacting.treesPending = false;
    if (!compacting.manifestPending) this.#store.nextTick(() => this.#finishOp());
  }

  #onManifestLogCompacted(): void {
    const compacting = this.#compactingOp();
    compacting.manifestPending = false;
    if (!compacting.treesPending) this.#finishOp();
  }

  #finishOp(): void {
    const { op, checkpoint, callback } = this.#compactingOp();
    const completes = this.beats.compacts(op, checkpoint) && this.beats.endsHalfBar(op);
    if (completes) for (const compaction of this.#active(op)) compaction.complete();
    for (const tree of this.trees) tree.memory.mutable.sortSuffix(this.#sortScratch);
    if (completes) {
      assert(this.#halfBarInputBytes === 0, () => `${this.#halfBarInputBytes} bytes of the half-bar are left`);
      this.manifestLog.compactEnd();
      this.assertTablesLogged();
    }
    if (this.beats.endsBar(op)) {
      for (const tree of this.trees) {
        tree.memory.swap(op + 1, this.#sortScratch);
        tree.assertLevelLimits();
      }
    }
    this.#compacting = null;
    this.#transition("open");
    callback();
  }

  #assertCheckpointable(): void {
    for (const tree of this.trees) {
      const { name } = tree.schema;
      assert(tree.memory.mutable.count === 0, () => `${name}: the mutable table is not empty at a checkpoint`);
      assert(tree.memory.barsAbsorbed === 0, () => `${name}: an older bar is in memory only at a checkpoint`);
      tree.assertLevelLimits();
    }
    for (const compaction of this.#compactions.flat()) {
      assert(compaction.state === "idle", () => `${compaction.name}: ${compaction.state} at a checkpoint`);
    }
  }

  #compactingOp(): CompactingOp {
    assert(this.#compacting !== null, "no op is being compacted");
    return this.#compacting;
  }

  #transition(next: ForestState): void {
    assert(TRANSITIONS[this.#state].includes(next), () => `the forest goes from ${this.#state} to ${next}`);
    this.#state = next;
  }
}

/** Gives the bytes of a beat to compactions, the first as much as it has left. */
function assignBeatQuotas(active: readonly Compaction[], beatBytes: number): void {
  let bytes = beatBytes;
  for (const { quotas, quotaLeft, tree } of active) {
    const { sizeBytes } = tree.schema.layout;
    quotas.beat = Math.min(Math.ceil(bytes / sizeBytes), quotaLeft);
    quotas.beatDone = 0;
    bytes = Math.max(0, bytes - quotas.beat * sizeBytes);
  }
  assert(bytes === 0, () => `${bytes} bytes of the beat are no compaction's`);
}

/** How many blocks a beat writes at most. Idle compactions count, as they do in the reference. */
function beatBlocksMax(active: readonly Compaction[]): number {
  let valueBlocks = 1;
  let indexBlocks = 1;
  for (const { quotas, tree } of active) {
    const { valuesPerBlock, valueBlocksMax } = tree.schema;
    const blocks = Math.ceil(quotas.beat / valuesPerBlock) + 1;
    valueBlocks += blocks;
    indexBlocks += Math.ceil(blocks / valueBlocksMax);
  }
  return valueBlocks + indexBlocks;
}
