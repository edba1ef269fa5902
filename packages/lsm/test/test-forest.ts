/**
 * A forest on a grid in memory, with the transfers groove: puts, compactions, checkpoints and crashes.
 */
import type { Grid } from "@stagbeetle/grid";
import { MemoryStorage } from "@stagbeetle/grid/testing";
import { assert, type Kernels, type Pointer } from "@stagbeetle/kernels";
import type { Config, ManifestReferences, Random, TrailerReference } from "@stagbeetle/vsr-protocol";
import { type Forest, forestBlocksMax } from "../src/forest.ts";
import { GrooveTrees } from "../src/groove/groove-trees.ts";
import { ForestOnGrid, type ForestOnGridOptions } from "./forest-on-grid.ts";
import { TestGrid, type TestGridParts } from "./test-grid.ts";
import { accountingTrees, transfersGroove } from "./transfers.ts";

const OBJECT_SIZE_BYTES = 128;
const MEMORY_SIZE_BYTES = 96 * 1024 * 1024;
const CACHE_BLOCKS = 256;
const FRAGMENTS = 2048;
const FRAGMENT_BLOCKS = 67;

export interface TestForestOptions extends ForestOnGridOptions {
  readonly config: Config;
  /** One if not said: then nobody can be asked for blocks. */
  readonly replicaCount?: number;
  /** Whether a fresh free set is full of small holes, so that its encoding takes several blocks. */
  readonly fragmented?: boolean;
  /** Draws the order in which I/O completes; in the order of the calls unless given. */
  readonly random?: Random;
  /** Whether checksums of blocks complete as I/O does; inside of the call unless given. */
  readonly checksumsLater?: boolean;
}

/** What a checkpoint left behind, as the superblock has it. */
export interface TestCheckpoint {
  readonly op: number;
  readonly manifest: ManifestReferences;
  readonly acquired: TrailerReference;
  readonly released: TrailerReference;
}

/** What a crash takes away. */
class TransfersOnGrid extends ForestOnGrid {
  readonly groove: GrooveTrees;
  /** Room for two objects, or a key. */
  readonly scratch: Pointer;

  constructor(parts: TestGridParts, options: ForestOnGridOptions) {
    super(parts, accountingTrees(parts.config), options);
    this.groove = new GrooveTrees(transfersGroove(parts.config), this.forest, parts.kernels);
    this.scratch = parts.kernels.memory.allocate(2 * OBJECT_SIZE_BYTES, 16, "test");
  }
}

/** A replica's storage engine without the replica. Open. */
export class TestForest {
  readonly config: Config;
  readonly storage: MemoryStorage;
  readonly #grid: TestGrid<TransfersOnGrid>;
  readonly #fragmented: boolean;

  constructor(options: TestForestOptions) {
    const { config, replicaCount, random, checksumsLater = false, fragmented = false } = options;
    const { compactionBlocksMax, spill, manifestLogObserver, compactionObserver } = options;
    const forestOptions: ForestOnGridOptions = {
      ...(spill === undefined ? {} : { spill }),
      ...(compactionBlocksMax === undefined ? {} : { compactionBlocksMax }),
      ...(manifestLogObserver === undefined ? {} : { manifestLogObserver }),
      ...(compactionObserver === undefined ? {} : { compactionObserver }),
    };
    this.config = config;
    this.storage = new MemoryStorage(config);
    if (random !== undefined) this.storage.choose = (count) => random.index(count);
    this.#fragmented = fragmented;
    this.#grid = new TestGrid({
      config,
      storage: this.storage,
      ...(checksumsLater ? { bodyChecksums: this.storage } : {}),
      ...(replicaCount === undefined ? {} : { replicaCount }),
      memorySizeBytes: MEMORY_SIZE_BYTES,
      blocksOfUsers: forestBlocksMax(config, accountingTrees(config).length, compactionBlocksMax),
      cacheBlocks: CACHE_BLOCKS,
      create: (parts) => new TransfersOnGrid(parts, forestOptions),
    });
    this.#fragment();
  }

  get kernels(): Kernels {
    return this.#grid.users.parts.kernels;
  }

  get grid(): Grid {
    return this.#grid.grid;
  }

  get forest(): Forest {
    return this.#grid.users.forest;
  }

  get groove(): GrooveTrees {
    return this.#grid.users.groove;
  }

  /** The op of the current checkpoint. */
  get checkpointOp(): number {
    return this.#grid.checkpointOp;
  }

  /** Room for a key. */
  get keyScratch(): Pointer {
    return this.#grid.users.scratch;
  }

  /** Called when nothing happens any more and somebody waits. Whether something has been done about it. */
  set onIdle(callback: () => boolean) {
    this.#grid.onIdle = callback;
  }

  /** Everything in memory is lost; I/O under way has not happened. */
  crash(): void {
    this.#grid.crash();
    this.#fragment();
  }

  /** As a state sync does: the same objects forget everything and open anew. */
  reset(): void {
    this.#grid.reset();
    this.#fragment();
  }

  /** As a state sync does: another replica's checkpoint takes the place of the own one. */
  takeCheckpoint(from: TestForest): void {
    this.#grid.takeCheckpoint(from.#grid);
  }

  insert(object: Uint8Array): void {
    const { scratch } = this.#grid.users;
    this.kernels.memory.bytes.set(object, scratch);
    this.groove.insert(scratch);
  }

  update(object: Uint8Array, replacement: Uint8Array): void {
    const { scratch } = this.#grid.users;
    this.kernels.memory.bytes.set(object, scratch);
    this.kernels.memory.bytes.set(replacement, scratch + OBJECT_SIZE_BYTES);
    this.groove.update(scratch, scratch + OBJECT_SIZE_BYTES);
  }

  remove(object: Uint8Array): void {
    const { scratch } = this.#grid.users;
    this.kernels.memory.bytes.set(object, scratch);
    this.groove.remove(scratch);
  }

  /** Whether the current checkpoint becomes durable at this op: the same on every replica. */
  durableAt(op: number): boolean {
    return this.#grid.durableAt(op);
  }

  checkpointDurable(): void {
    this.#grid.checkpointDurable();
  }

  /** Compacts one op, to the end. */
  compact(op: number): void {
    this.#grid.wait((done) => this.forest.compact(op, this.checkpointOp, done));
  }

  /** Begins to compact one op, and lets so many completions run. */
  compactPartly(op: number, steps: number): void {
    let done = false;
    this.forest.compact(op, this.checkpointOp, () => {
      done = true;
    });
    for (let step = 0; step < steps && !done; step += 1) this.#grid.step();
  }

  /** Whether a checkpoint follows the compaction of this op. */
  checkpointsAt(op: number): boolean {
    return this.#grid.checkpointsAt(op);
  }

  checkpoint(op: number): TestCheckpoint {
    assert(this.#grid.afterCompact(op), () => `no checkpoint at op ${op}`);
    const { freeSetBlocksAcquired: acquired, freeSetBlocksReleased: released } = this.grid;
    return { op, manifest: this.forest.manifestReferences(), acquired, released };
  }

  #fragment(): void {
    if (!this.#fragmented || this.checkpointOp > 0) return;
    const reservations = Array.from({ length: FRAGMENTS }, () => this.grid.reserve(FRAGMENT_BLOCKS));
    for (const reservation of reservations) this.grid.acquire(reservation);
    for (const reservation of reservations) this.grid.forfeit(reservation);
  }
}
