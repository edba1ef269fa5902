/**
 * A grid in memory with what stands on it: opened, checkpointed, crashed and opened again.
 */
import { Grid } from "@stagbeetle/grid";
import { MemoryStorage } from "@stagbeetle/grid/testing";
import { assert, createKernels, type Kernels, LinearMemory } from "@stagbeetle/kernels";
import {
  type BodyChecksums,
  CheckpointState,
  checkpointAfter,
  Checksums,
  type Config,
  durable,
  type ManifestReferences,
  Random,
  recordBytes,
  SILENT_LOGGER,
  type Storage,
  TRAILER_EMPTY,
  trigger,
} from "@stagbeetle/vsr-protocol";
import { GridStore } from "../src/grid-store.ts";

/** What a test's own parts are made of. All of it is gone after a crash. */
export interface TestGridParts {
  readonly config: Config;
  readonly kernels: Kernels;
  readonly store: GridStore;
}

/** How a test's own parts take part in opening and checkpoints. */
export interface OnGrid {
  open(manifest: ManifestReferences, callback: () => void): void;
  checkpoint(callback: () => void): void;
  manifestReferences(): ManifestReferences;
  /** Forgets everything. The grid has dropped all reads and writes. */
  reset(): void;
}

export interface TestGridOptions<T extends OnGrid> {
  readonly config: Config;
  /** Draws the order in which I/O completes; in the order of the calls unless given. */
  readonly random?: Random;
  /** Where the grid is kept; in a storage of its own unless given. */
  readonly storage?: TestStorage;
  /** Computes the checksums of blocks; inside of the call unless given. */
  readonly bodyChecksums?: BodyChecksums;
  /** One if not said: then nobody can be asked for blocks. */
  readonly replicaCount?: number;
  readonly memorySizeBytes: number;
  /** Blocks that the parts hold at most. */
  readonly blocksOfUsers: number;
  /** Blocks in the cache: few, so that reads go to the disk. A multiple of 64. */
  readonly cacheBlocks: number;
  /** Whether the grid reads back what it writes; so it does unless told otherwise. */
  readonly verify?: boolean;
  readonly create: (parts: TestGridParts) => T;
}

/** A disk whose I/O completes step by step. */
export interface TestStorage extends Storage {
  /** Runs one completion; false if none waits. */
  step(): boolean;
  /** What is under way does not happen. */
  crash(): void;
}

/** The part of a replica that stores. */
export class TestGrid<T extends OnGrid> {
  readonly #options: TestGridOptions<T>;
  readonly #state: CheckpointState = new CheckpointState(new Uint8Array(CheckpointState.sizeBytes));
  readonly #storage: TestStorage;
  #grid: Grid;
  #users: T;
  /** The op of the current checkpoint. */
  checkpointOp = 0;
  /** Called when nothing happens any more and somebody waits. Whether something has been done about it. */
  onIdle: () => boolean = () => false;

  constructor(options: TestGridOptions<T>) {
    this.#options = options;
    this.#state.release = 1;
    this.#state.storageSize = options.config.derived.dataFileSizeMin;
    this.#state.freeSetBlocksAcquiredChecksum = TRAILER_EMPTY.checksum;
    this.#state.freeSetBlocksReleasedChecksum = TRAILER_EMPTY.checksum;
    this.#storage = options.storage ?? memoryStorage(options.config, options.random);
    [this.#grid, this.#users] = this.#create();
    this.#open();
  }

  /** The grid of the present incarnation. */
  get grid(): Grid {
    return this.#grid;
  }

  /** The test's own parts, of the present incarnation. */
  get users(): T {
    return this.#users;
  }

  /** Everything in memory is lost; I/O under way has not happened. */
  crash(): void {
    this.#storage.crash();
    [this.#grid, this.#users] = this.#create();
    this.#open();
  }

  /** As a state sync does: the same objects forget everything, in the middle of whatever they do, and open anew. */
  reset(): void {
    this.#cancel();
    this.#openAgain();
  }

  /** As a state sync does: another replica's checkpoint takes the place of the own one. */
  takeCheckpoint(from: TestGrid<OnGrid>): void {
    this.#cancel();
    recordBytes(this.#state).set(recordBytes(from.#state));
    this.checkpointOp = from.checkpointOp;
    this.#openAgain();
  }

  /** Lets one I/O complete, if any is under way. */
  step(): void {
    this.#storage.step();
  }

  /** Starts something and lets I/O complete until it is done. */
  wait(start: (done: () => void) => void): void {
    let done = false;
    start(() => {
      done = true;
    });
    while (!done) assert(this.#storage.step() || this.onIdle(), "nothing happens any more");
  }

  /** Whether the current checkpoint becomes durable at this op: the same on every replica. */
  durableAt(op: number): boolean {
    return !this.#grid.checkpointIsDurable && durable(this.#options.config, this.checkpointOp, op);
  }

  /** Frees what the current checkpoint no longer needs. */
  checkpointDurable(): void {
    this.wait((done) => this.#grid.checkpointDurable(done));
  }

  /** Before the compaction of an op: the free set follows the checkpoint's durability. */
  beforeCompact(op: number): void {
    if (this.durableAt(op)) this.checkpointDurable();
  }

  /** Whether a checkpoint follows the compaction of this op. */
  checkpointsAt(op: number): boolean {
    const { config } = this.#options;
    return op === trigger(config, checkpointAfter(config, this.checkpointOp));
  }

  /** After the compaction of an op: checkpoints if this is the op to do so. Whether it did. */
  afterCompact(op: number): boolean {
    if (!this.checkpointsAt(op)) return false;
    this.wait((done) => this.#users.checkpoint(done));
    this.wait((done) => this.#grid.checkpoint(done));
    this.#saveCheckpoint();
    this.checkpointOp = checkpointAfter(this.#options.config, this.checkpointOp);
    this.#grid.markCheckpointNotDurable();
    return true;
  }

  #cancel(): void {
    this.wait((done) => this.#grid.cancel(done));
    this.#users.reset();
  }

  #openAgain(): void {
    this.#open();
    this.#grid.missing.resume(() => true);
  }

  #open(): void {
    const state = this.#state;
    this.wait((done) => this.#grid.open(done));
    const manifest = {
      oldest: { checksum: state.manifestOldestChecksum, address: state.manifestOldestAddress },
      newest: { checksum: state.manifestNewestChecksum, address: state.manifestNewestAddress },
      blockCount: state.manifestBlockCount,
    };
    this.wait((done) => this.#users.open(manifest, done));
  }

  #saveCheckpoint(): void {
    const { oldest, newest, blockCount } = this.#users.manifestReferences();
    const { freeSetBlocksAcquired: acquired, freeSetBlocksReleased: released } = this.#grid;
    Object.assign(this.#state, {
      manifestOldestChecksum: oldest.checksum,
      manifestOldestAddress: oldest.address,
      manifestNewestChecksum: newest.checksum,
      manifestNewestAddress: newest.address,
      manifestBlockCount: blockCount,
      freeSetBlocksAcquiredLastBlockChecksum: acquired.lastBlock.checksum,
      freeSetBlocksAcquiredLastBlockAddress: acquired.lastBlock.address,
      freeSetBlocksAcquiredSize: acquired.size,
      freeSetBlocksAcquiredChecksum: acquired.checksum,
      freeSetBlocksReleasedLastBlockChecksum: released.lastBlock.checksum,
      freeSetBlocksReleasedLastBlockAddress: released.lastBlock.address,
      freeSetBlocksReleasedSize: released.size,
      freeSetBlocksReleasedChecksum: released.checksum,
      storageSize: this.#grid.storageSize,
    });
  }

  #create(): [Grid, T] {
    const { config, memorySizeBytes, blocksOfUsers, cacheBlocks, verify = true, create } = this.#options;
    const { bodyChecksums, replicaCount = 1 } = this.#options;
    const memory = new LinearMemory({ sizeBytes: memorySizeBytes, shared: false });
    const kernels = createKernels({ memory });
    const checksums = new Checksums(kernels);
    const grid = new Grid({
      config,
      memory,
      storage: this.#storage,
      superblock: {
        working: { header: { cluster: 0n }, vsrState: { replicaCount }, checkpoint: this.#state },
        replica: 0,
        checkpointIds: { id: 0n },
      },
      checksums,
      ...(bodyChecksums === undefined ? {} : { bodyChecksums }),
      random: new Random(0),
      logger: SILENT_LOGGER,
      storageSizeLimit: config.process.storageSizeLimitDefault,
      cacheSizeBytes: cacheBlocks * config.cluster.blockSize,
      blocksOfUsers,
      verify,
    });
    return [grid, create({ config, kernels, store: new GridStore(grid, checksums) })];
  }
}

/** A disk whose I/O completes in the order of the generator, or of the calls. */
function memoryStorage(config: Config, random: Random | undefined): MemoryStorage {
  const storage = new MemoryStorage(config);
  if (random !== undefined) storage.choose = (count) => random.index(count);
  return storage;
}
