/**
 * A forest on a grid in memory, with the transfers groove: puts, compactions, checkpoints and crashes.
 */
import { Grid } from "@stagbeetle/grid";
import { assert, createKernels, type Kernels, LinearMemory, type Pointer } from "@stagbeetle/kernels";
import {
  CheckpointState,
  checkpointAfter,
  Checksums,
  type Config,
  durable,
  type ManifestReferences,
  Random,
  recordBytes,
  SILENT_LOGGER,
  TRAILER_EMPTY,
  trigger,
  type TrailerReference,
} from "@stagbeetle/vsr-protocol";
import type { CompactionObserver } from "../src/compaction/compaction.ts";
import { Forest, forestBlocksMax } from "../src/forest.ts";
import { GridStore } from "../src/grid-store.ts";
import { GrooveTrees } from "../src/groove/groove-trees.ts";
import type { ManifestLogObserver } from "../src/manifest-log/manifest-log.ts";
import { MemoryStorage } from "./memory-storage.ts";
import { accountingTrees, transfersGroove } from "./transfers.ts";

const OBJECT_SIZE_BYTES = 128;
const MEMORY_SIZE_BYTES = 96 * 1024 * 1024;
/** Tests need far fewer tables than a forest can have. */
const TABLES_MAX = 4096;
const FRAGMENTS = 2048;
const FRAGMENT_BLOCKS = 67;

export interface TestForestOptions {
  readonly config: Config;
  /** One if not said: then nobody can be asked for blocks. */
  readonly replicaCount?: number;
  /** Whether a fresh free set is full of small holes, so that its encoding takes several blocks. */
  readonly fragmented?: boolean;
  /** Draws the order in which I/O completes; in the order of the calls unless given. */
  readonly random?: Random;
  /** Whether checksums of blocks complete as I/O does; inside of the call unless given. */
  readonly checksumsLater?: boolean;
  /** How many blocks compaction may hold; as many as it has by default unless given. */
  readonly compactionBlocksMax?: number;
  readonly manifestLogObserver?: ManifestLogObserver;
  readonly compactionObserver?: CompactionObserver;
}

/** What a checkpoint left behind, as the superblock has it. */
export interface TestCheckpoint {
  readonly op: number;
  readonly manifest: ManifestReferences;
  readonly acquired: TrailerReference;
  readonly released: TrailerReference;
}

/** What a crash takes away. */
interface Parts {
  readonly kernels: Kernels;
  readonly grid: Grid;
  readonly forest: Forest;
  readonly groove: GrooveTrees;
  /** Room for two objects, or a key. */
  readonly scratch: Pointer;
}

/** A replica's storage engine without the replica. */
export class TestForest {
  readonly config: Config;
  readonly checkpointState: CheckpointState = new CheckpointState(new Uint8Array(CheckpointState.sizeBytes));
  readonly #options: TestForestOptions;
  storage: MemoryStorage;
  #parts: Parts;
  /** The op of the current checkpoint. */
  checkpointOp = 0;
  /** Called when nothing happens any more and somebody waits. Whether something has been done about it. */
  onIdle: () => boolean = () => false;

  constructor(options: TestForestOptions) {
    this.config = options.config;
    this.#options = options;
    this.checkpointState.release = 1;
    this.checkpointState.storageSize = options.config.derived.dataFileSizeMin;
    this.checkpointState.freeSetBlocksAcquiredChecksum = TRAILER_EMPTY.checksum;
    this.checkpointState.freeSetBlocksReleasedChecksum = TRAILER_EMPTY.checksum;
    this.storage = new MemoryStorage(options.config, options.random ?? null);
    this.#parts = this.#create();
  }

  get kernels(): Kernels {
    return this.#parts.kernels;
  }

  get grid(): Grid {
    return this.#parts.grid;
  }

  get forest(): Forest {
    return this.#parts.forest;
  }

  get groove(): GrooveTrees {
    return this.#parts.groove;
  }

  /** Room for a key. */
  get keyScratch(): Pointer {
    return this.#parts.scratch;
  }

  get #scratch(): Pointer {
    return this.#parts.scratch;
  }

  /** Opens the data file. */
  open(): void {
    this.#wait((done) => this.grid.open(done));
    const { checkpointState: state } = this;
    const manifest = {
      oldest: { checksum: state.manifestOldestChecksum, address: state.manifestOldestAddress },
      newest: { checksum: state.manifestNewestChecksum, address: state.manifestNewestAddress },
      blockCount: state.manifestBlockCount,
    };
    this.#wait((done) => this.forest.open(manifest, done));
    if (this.#options.fragmented === true && this.checkpointOp === 0) this.#fragment();
  }

  /** Everything in memory is lost; I/O under way has not happened. */
  crash(): void {
    this.storage = this.storage.restart();
    this.#parts = this.#create();
    this.open();
  }

  /** As a state sync does: the same objects forget everything and open anew. */
  reset(): void {
    this.#wait((done) => this.grid.cancel(done));
    this.forest.reset();
    this.open();
    this.grid.missing.resume(() => true);
  }

  /** As a state sync does: another replica's checkpoint takes the place of the own one. */
  takeCheckpoint(from: TestForest): void {
    this.#wait((done) => this.grid.cancel(done));
    this.forest.reset();
    recordBytes(this.checkpointState).set(recordBytes(from.checkpointState));
    this.checkpointOp = from.checkpointOp;
    this.open();
    this.grid.missing.resume(() => true);
  }

  insert(object: Uint8Array): void {
    this.kernels.memory.bytes.set(object, this.#scratch);
    this.groove.insert(this.#scratch);
  }

  update(object: Uint8Array, replacement: Uint8Array): void {
    this.kernels.memory.bytes.set(object, this.#scratch);
    this.kernels.memory.bytes.set(replacement, this.#scratch + OBJECT_SIZE_BYTES);
    this.groove.update(this.#scratch, this.#scratch + OBJECT_SIZE_BYTES);
  }

  remove(object: Uint8Array): void {
    this.kernels.memory.bytes.set(object, this.#scratch);
    this.groove.remove(this.#scratch);
  }

  /** Whether the current checkpoint becomes durable at this op: the same on every replica. */
  durableAt(op: number): boolean {
    return !this.grid.freeSet.checkpointDurable && durable(this.config, this.checkpointOp, op);
  }

  checkpointDurable(): void {
    this.#wait((done) => this.grid.checkpointDurable(done));
  }

  /** Compacts one op. Completions run to the end, unless a number of them is given: then whether it has ended. */
  compact(op: number, steps: number = Infinity): boolean {
    let done = false;
    this.forest.compact(op, this.checkpointOp, () => {
      done = true;
    });
    for (let step = 0; step < steps && !done; step += 1) this.#step();
    return done;
  }

  /** Whether a checkpoint follows the compaction of this op. */
  checkpointsAt(op: number): boolean {
    return op === trigger(this.config, checkpointAfter(this.config, this.checkpointOp));
  }

  checkpoint(op: number): TestCheckpoint {
    assert(this.checkpointsAt(op), () => `no checkpoint at op ${op}`);
    this.#wait((done) => this.forest.checkpoint(done));
    this.#wait((done) => this.grid.checkpoint(done));
    const manifest = this.forest.manifestReferences();
    const { freeSetBlocksAcquired: acquired, freeSetBlocksReleased: released } = this.grid;
    this.#setCheckpoint(manifest, acquired, released);
    this.checkpointOp = checkpointAfter(this.config, this.checkpointOp);
    this.grid.markCheckpointNotDurable();
    this.storage.run();
    return { op, manifest, acquired, released };
  }

  #fragment(): void {
    const reservations = Array.from({ length: FRAGMENTS }, () => this.grid.reserve(FRAGMENT_BLOCKS));
    for (const reservation of reservations) this.grid.acquire(reservation);
    for (const reservation of reservations) this.grid.forfeit(reservation);
  }

  #setCheckpoint(manifest: ManifestReferences, acquired: TrailerReference, released: TrailerReference): void {
    Object.assign(this.checkpointState, {
      manifestOldestChecksum: manifest.oldest.checksum,
      manifestOldestAddress: manifest.oldest.address,
      manifestNewestChecksum: manifest.newest.checksum,
      manifestNewestAddress: manifest.newest.address,
      manifestBlockCount: manifest.blockCount,
      freeSetBlocksAcquiredLastBlockChecksum: acquired.lastBlock.checksum,
      freeSetBlocksAcquiredLastBlockAddress: acquired.lastBlock.address,
      freeSetBlocksAcquiredSize: acquired.size,
      freeSetBlocksAcquiredChecksum: acquired.checksum,
      freeSetBlocksReleasedLastBlockChecksum: released.lastBlock.checksum,
      freeSetBlocksReleasedLastBlockAddress: released.lastBlock.address,
      freeSetBlocksReleasedSize: released.size,
      freeSetBlocksReleasedChecksum: released.checksum,
      storageSize: this.grid.storageSize,
    });
  }

  #create(): Parts {
    const { config } = this;
    const trees = accountingTrees(config);
    const memory = new LinearMemory({ sizeBytes: MEMORY_SIZE_BYTES, shared: false });
    const kernels = createKernels({ memory });
    const checksums = new Checksums(kernels);
    const grid = new Grid({
      config,
      memory,
      storage: this.storage,
      superblock: {
        working: {
          header: { cluster: 0n },
          vsrState: { replicaCount: this.#options.replicaCount ?? 1 },
          checkpoint: this.checkpointState,
        },
        replica: 0,
        checkpointIds: { id: 0n },
      },
      checksums,
      ...(this.#options.checksumsLater === true ? { bodyChecksums: this.storage } : {}),
      random: new Random(0),
      logger: SILENT_LOGGER,
      storageSizeLimit: config.process.storageSizeLimitDefault,
      cacheSizeBytes: 256 * config.cluster.blockSize,
      blocksOfUsers: forestBlocksMax(config, trees.length, this.#options.compactionBlocksMax),
      verify: true,
    });
    const scratch = memory.allocate(2 * OBJECT_SIZE_BYTES, 16, "test");
    const forest = new Forest({
      config,
      kernels,
      store: new GridStore(grid, checksums),
      trees,
      manifestTablesMax: TABLES_MAX,
      ...forestOptionsOf(this.#options),
    });
    return { kernels, grid, forest, groove: new GrooveTrees(transfersGroove(config), forest, kernels), scratch };
  }

  #wait(start: (done: () => void) => void): void {
    let done = false;
    start(() => {
      done = true;
    });
    while (!done) this.#step();
  }

  #step(): void {
    assert(this.storage.step() || this.onIdle(), "nothing happens any more");
  }
}

function forestOptionsOf(options: TestForestOptions): Partial<TestForestOptions> {
  const { compactionBlocksMax, manifestLogObserver, compactionObserver } = options;
  return {
    ...(compactionBlocksMax === undefined ? {} : { compactionBlocksMax }),
    ...(manifestLogObserver === undefined ? {} : { manifestLogObserver }),
    ...(compactionObserver === undefined ? {} : { compactionObserver }),
  };
}
