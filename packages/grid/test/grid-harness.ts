/**
 * A grid on a storage in memory, with a superblock that only remembers what it is told.
 */
import { testMemory } from "@stagbeetle/kernels/testing";
import {
  type BlockReference,
  BlockType,
  CHECKPOINT_STATE_SIZE_BYTES,
  CheckpointState,
  Checksums,
  CHECKSUM_EMPTY,
  type Config,
  HEADER_SIZE_BYTES,
  Random,
  SILENT_LOGGER,
  TEST_MIN,
  writeU128,
  writeU53,
} from "@stagbeetle/vsr-protocol";
import {
  Block,
  type BlockFault,
  BlockRead,
  type BlockReadOptions,
  BlockWrite,
  Grid,
  gridMemorySize,
  type GridSuperBlock,
  indexBlockSize,
  IndexMetadata,
  ValueMetadata,
} from "@stagbeetle/grid";
import { MemoryStorage } from "./memory-storage.ts";

const CLUSTER = 7n;
const RELEASE = 4361;
/** More than the alignment of all allocations of a grid takes. */
const ALIGNMENT_MAX = 64 * 1024;

/** What the grid asks of a superblock. */
export class TestSuperBlock implements GridSuperBlock {
  readonly working: {
    readonly header: { readonly cluster: bigint };
    readonly vsrState: { replicaCount: number };
    readonly checkpoint: CheckpointState;
  };
  checkpointIds: { readonly id: bigint };
  /** The replica's own index. */
  replica = 0;

  constructor(config: Config, replicaCount: number) {
    const checkpoint = new CheckpointState(new Uint8Array(CHECKPOINT_STATE_SIZE_BYTES));
    checkpoint.freeSetBlocksAcquiredChecksum = CHECKSUM_EMPTY;
    checkpoint.freeSetBlocksReleasedChecksum = CHECKSUM_EMPTY;
    checkpoint.storageSize = config.derived.dataFileSizeMin;
    checkpoint.release = RELEASE;
    this.working = { header: { cluster: CLUSTER }, vsrState: { replicaCount }, checkpoint };
    this.checkpointIds = { id: 1n };
  }

  /** Makes the grid's last checkpoint the durable one. */
  install(grid: Grid): void {
    const { checkpoint } = this.working;
    const { freeSetBlocksAcquired: acquired, freeSetBlocksReleased: released } = grid;
    checkpoint.freeSetBlocksAcquiredChecksum = acquired.checksum;
    checkpoint.freeSetBlocksAcquiredSize = acquired.size;
    checkpoint.freeSetBlocksAcquiredLastBlockAddress = acquired.lastBlock.address;
    checkpoint.freeSetBlocksAcquiredLastBlockChecksum = acquired.lastBlock.checksum;
    checkpoint.freeSetBlocksReleasedChecksum = released.checksum;
    checkpoint.freeSetBlocksReleasedSize = released.size;
    checkpoint.freeSetBlocksReleasedLastBlockAddress = released.lastBlock.address;
    checkpoint.freeSetBlocksReleasedLastBlockChecksum = released.lastBlock.checksum;
    checkpoint.storageSize = grid.storageSize;
    this.checkpointIds = { id: this.checkpointIds.id + 1n };
  }
}

/** What a harness is made of; everything has a default. */
export interface GridHarnessOptions {
  readonly config?: Config;
  readonly replicaCount?: number;
  readonly blocksMax?: number;
  readonly storage?: MemoryStorage;
  readonly superblock?: TestSuperBlock;
  /** Whether checksums of bodies complete as I/O does; inside of the call unless given. */
  readonly checksumsLater?: boolean;
}

/** One grid, and what its tests do with it. */
export class GridHarness {
  readonly config: Config;
  readonly storage: MemoryStorage;
  readonly superblock: TestSuperBlock;
  readonly checksums: Checksums = new Checksums();
  /** What was asked of the disk, in order: `read 1` for the block at address 1, and so on. */
  readonly log: string[] = [];
  readonly grid: Grid;
  readonly #options: GridHarnessOptions;

  constructor(options: GridHarnessOptions = {}) {
    const config = options.config ?? TEST_MIN;
    this.#options = options;
    this.config = config;
    this.storage = options.storage ?? new MemoryStorage(config);
    this.storage.onBegin = (kind, address) => void this.log.push(`${kind} ${address}`);
    this.superblock = options.superblock ?? new TestSuperBlock(config, options.replicaCount ?? 3);
    const { blockSize } = config.cluster;
    const sizes = {
      config,
      storageSizeLimit: config.derived.dataFileSizeMin + (options.blocksMax ?? 4096) * blockSize,
      cacheSizeBytes: 64 * blockSize,
      blocksOfUsers: 64,
      ...(options.checksumsLater === true ? { bodyChecksums: this.storage } : {}),
    };
    this.grid = new Grid({
      ...sizes,
      memory: testMemory(gridMemorySize(sizes) + ALIGNMENT_MAX),
      storage: this.storage,
      superblock: this.superblock,
      checksums: this.checksums,
      random: new Random(1),
      logger: SILENT_LOGGER,
      verify: true,
    });
  }

  /** A harness whose grid is open at a durable checkpoint. */
  static open(options: GridHarnessOptions = {}): GridHarness {
    const harness = new GridHarness(options);
    harness.open();
    harness.checkpointDurable();
    return harness;
  }

  /** The same disk after the process has died. */
  crash(survives?: () => boolean): GridHarness {
    this.storage.crash(survives);
    return new GridHarness({ ...this.#options, storage: this.storage, superblock: this.superblock });
  }

  open(): void {
    this.#completes((callback) => this.grid.open(callback));
  }

  /** Writes a checkpoint and makes it durable here. */
  checkpoint(): void {
    this.#completes((callback) => this.grid.checkpoint(callback));
    this.superblock.install(this.grid);
    this.grid.markCheckpointNotDurable();
  }

  checkpointDurable(): void {
    this.#completes((callback) => this.grid.checkpointDurable(callback));
  }

  /** Acquires the lowest free addresses. */
  acquire(count: number): number[] {
    const reservation = this.grid.reserve(count);
    const addresses = Array.from({ length: count }, () => this.grid.acquire(reservation));
    this.grid.forfeit(reservation);
    return addresses;
  }

  /** A new block in memory. The caller owns it. */
  block(address: number, fill: number, values = 3): Block {
    const block = this.grid.blocks.acquire();
    block.init({ cluster: CLUSTER, release: RELEASE, address, snapshot: 1, blockType: BlockType.value });
    Object.assign(block.metadata(ValueMetadata), { valueCountMax: 30, valueCount: values, valueSize: 128, treeId: 1 });
    block.buffer.fill(fill, HEADER_SIZE_BYTES, HEADER_SIZE_BYTES + values * 128);
    block.seal(HEADER_SIZE_BYTES + values * 128, this.checksums);
    return block;
  }

  /** A new index block in memory of a table with these value blocks. The caller owns it. */
  indexBlock(address: number, values: readonly BlockReference[]): Block {
    const block = this.grid.blocks.acquire();
    block.init({ cluster: CLUSTER, release: RELEASE, address, snapshot: 1, blockType: BlockType.index });
    block.buffer.fill(0, HEADER_SIZE_BYTES);
    const [valueBlockCountMax, keySize] = [values.length + 1, 8];
    const metadata = { valueBlockCount: values.length, valueBlockCountMax, keySize, treeId: 1 };
    Object.assign(block.metadata(IndexMetadata), metadata);
    const view = block.header.dataView;
    const addresses = HEADER_SIZE_BYTES + (32 + 2 * keySize) * valueBlockCountMax;
    for (const [index, value] of values.entries()) {
      writeU128(view, HEADER_SIZE_BYTES + 32 * index, value.checksum);
      writeU53(view, addresses + 8 * index, value.address);
    }
    block.seal(indexBlockSize(valueBlockCountMax, keySize), this.checksums);
    return block;
  }

  /** Writes a table of `valueCount` value blocks and waits. The references of all its blocks, the index block last. */
  table(valueCount: number): BlockReference[] {
    const values = Array.from({ length: valueCount }, (_, index) => this.written(index + 1));
    const [address = 0] = this.acquire(1);
    const block = this.indexBlock(address, values);
    const reference = block.reference();
    this.grid.createBlock(new BlockWrite(() => undefined), block);
    block.release();
    this.storage.run();
    return [...values, reference];
  }

  /** Hands a new block to the grid. `onWritten` when it is durable. */
  create(address: number, fill: number, onWritten: () => void = () => undefined): BlockReference {
    const block = this.block(address, fill);
    const reference = block.reference();
    this.grid.createBlock(new BlockWrite(onWritten), block);
    block.release();
    return reference;
  }

  /** Creates a block at the lowest free address, and waits. */
  written(fill: number): BlockReference {
    const [address = 0] = this.acquire(1);
    const reference = this.create(address, fill);
    this.storage.run();
    return reference;
  }

  /** Begins a read. Results are collected: the first byte of the body, or what is wrong. */
  read(reference: BlockReference, options: Partial<BlockReadOptions> = {}): (number | BlockFault)[] {
    const results: (number | BlockFault)[] = [];
    const read = new BlockRead((_, result) => {
      results.push(result instanceof Block ? (result.body()[0] ?? -1) : result);
    });
    this.grid.readBlock(read, {
      ...reference,
      source: "localOrGlobalStorage",
      cacheRead: false,
      cacheWrite: false,
      ...options,
    });
    return results;
  }

  /** Reads what the disk has, and waits. */
  readLocally(reference: BlockReference): number | BlockFault | undefined {
    const results = this.read(reference, { source: "localStorage" });
    this.storage.run();
    return results[0];
  }

  #completes(begin: (callback: () => void) => void): void {
    const completions: string[] = [];
    begin(() => completions.push("completed"));
    if (completions.length > 0) throw new Error("completed from inside the call");
    this.storage.run();
    if (completions.length !== 1) throw new Error(`completed ${completions.length} times`);
  }
}
