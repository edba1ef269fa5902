/**
 * The grid on a disk that corrupts sectors, misdirects writes and crashes: what is lost is found, and repaired from a second
 * replica that executes the same operations on a good disk.
 */
import { CheckpointTrailer, Block, BlockRead, BlockWrite, Grid, GridScrubber, ValueMetadata } from "@stagbeetle/grid";
import { createKernels, LinearMemory } from "@stagbeetle/kernels";
import {
  type BlockReference,
  BlockRequest,
  BlockType,
  checkpointAfter,
  Checksums,
  clientSessionsEncodeSize,
  Command,
  HEADER_SIZE_BYTES,
  MANIFEST_EMPTY,
  PrepareHeader,
  Random,
  SILENT_LOGGER,
  SuperBlock,
  TEST_MIN,
  TRAILER_EMPTY,
} from "@stagbeetle/vsr-protocol";
import { describe, expect, it } from "vitest";

import { SimulatedDisk } from "./disk.ts";
import { type FaultAtlas, NO_FAULTS_ATLAS, ZonesFaultAtlas } from "./faults/atlas.ts";
import { NO_STORAGE_FAULTS, type StorageFaults } from "./faults/storage-faults.ts";
import { SimulatedStorage, type StorageFaultCounts } from "./storage.ts";

const MIB = 1024 * 1024;
const CLUSTER = 7n;
const RELEASE = 4361;
const STORAGE_SIZE_LIMIT = 64 * MIB;
const BLOCKS_OF_USERS = 64;
const LIVE_MAX = 100;
/** Beyond it, a run that waits for a repair is stuck. */
const ROUNDS_MAX = 2000;

const FAULTS: StorageFaults = {
  ...NO_STORAGE_FAULTS,
  readLatency: { minimumMicroseconds: 0, meanMicroseconds: 5000 },
  writeLatency: { minimumMicroseconds: 0, meanMicroseconds: 8000 },
  readFault: { numerator: 6, denominator: 100 },
  writeFault: { numerator: 6, denominator: 100 },
  writeMisdirect: { numerator: 5, denominator: 100 },
  crashOutcomes: { lost: 1, torn: 2, complete: 1 },
  crashFault: { numerator: 1, denominator: 4 },
};

/** Everything in the grid may become faulty; writes go astray among its first blocks. */
class GridFaultAtlas implements FaultAtlas {
  readonly #zones = new ZonesFaultAtlas(TEST_MIN, ["grid"]);

  faultableSector: FaultAtlas["faultableSector"] = (random, zone, offset, size) =>
    this.#zones.faultableSector(random, zone, offset, size);

  mistakenOffset: FaultAtlas["mistakenOffset"] = (random, zone, offset) => {
    const mistaken = random.index(LIVE_MAX) * TEST_MIN.cluster.blockSize;
    return zone !== "grid" || mistaken === offset ? null : mistaken;
  };
}

/** One step of the replicated history. */
type Op =
  | { readonly kind: "create"; readonly count: number; readonly fill: number }
  | { readonly kind: "release"; readonly addresses: readonly number[] }
  | { readonly kind: "durable" };

/** A replica while it is up: storage, superblock and grid on a disk that outlives it. */
class Machine {
  readonly storage: SimulatedStorage;
  readonly superblock: SuperBlock;
  readonly grid: Grid;
  readonly checksums: Checksums;
  readonly memory: LinearMemory;

  constructor(disk: SimulatedDisk, random: Random, faults: StorageFaults, atlas: FaultAtlas) {
    const config = TEST_MIN;
    this.storage = new SimulatedStorage({ config, disk, random, faults, atlas });
    this.memory = new LinearMemory({ sizeBytes: 2 * MIB, shared: false });
    this.checksums = new Checksums(createKernels({ memory: this.memory }));
    const shared = { config, memory: this.memory, storage: this.storage, storageSizeLimit: STORAGE_SIZE_LIMIT };
    this.superblock = new SuperBlock({ ...shared, logger: SILENT_LOGGER });
    this.grid = new Grid({
      ...shared,
      superblock: this.superblock,
      checksums: this.checksums,
      random: new Random(1),
      logger: SILENT_LOGGER,
      cacheSizeBytes: 64 * config.cluster.blockSize,
      blocksOfUsers: BLOCKS_OF_USERS,
      verify: true,
    });
  }

  /** Completes all that is due now. */
  work(): void {
    while (this.storage.step());
    this.storage.tick();
  }

  /** Completes all that is under way. */
  run(): void {
    do this.work();
    while (this.storage.pendingCount > 0);
  }

  create(count: number, fill: number): BlockReference[] {
    const reservation = this.grid.reserve(count);
    const addresses = Array.from({ length: count }, () => this.grid.acquire(reservation));
    this.grid.forfeit(reservation);
    return addresses.map((address) => {
      const block = this.grid.blocks.acquire();
      block.init({ cluster: CLUSTER, release: RELEASE, address, snapshot: 1, blockType: BlockType.value });
      Object.assign(block.metadata(ValueMetadata), { valueCountMax: 30, valueCount: 2, valueSize: 64, treeId: 1 });
      block.buffer.fill(fill, HEADER_SIZE_BYTES, HEADER_SIZE_BYTES + 128);
      block.seal(HEADER_SIZE_BYTES + 128, this.checksums);
      const reference = block.reference();
      this.grid.createBlock(new BlockWrite(() => undefined), block);
      block.release();
      return reference;
    });
  }

  /** What the disk has of a block, as a `block` message, or null. */
  serve(reference: BlockReference): Uint8Array | null {
    let bytes: Uint8Array | null = null;
    const read = new BlockRead((_, result) => (bytes = result instanceof Block ? result.bytes().slice() : null));
    this.grid.readBlock(read, { ...reference, source: "localStorage", cacheRead: true, cacheWrite: false });
    this.run();
    return bytes;
  }
}

/** The header of a prepare at which a checkpoint is taken. */
function prepareAt(op: number, checksums: Checksums): PrepareHeader {
  const header = new PrepareHeader(new Uint8Array(HEADER_SIZE_BYTES));
  const values = { cluster: CLUSTER, size: HEADER_SIZE_BYTES, view: 0, release: RELEASE, command: Command.prepare };
  Object.assign(header, values, { op, client: 1n, request: 1, timestamp: BigInt(op), operation: 128 });
  checksums.setEmptyBody(header);
  return header;
}

/** Two replicas in lockstep: `faulty` on a bad disk, `good` on a good one. */
class Pair {
  readonly random: Random;
  readonly disk = new SimulatedDisk();
  readonly good: Machine;
  readonly atlas = new GridFaultAtlas();
  faulty: Machine;
  /** Blocks in use, with what they are filled with. */
  live = new Map<number, BlockReference & { readonly fill: number }>();
  /** Since the last checkpoint. */
  ops: Op[] = [];
  durable = false;
  crashes = 0;
  checkpoints = 0;
  blocksSent = 0;
  readonly faults: StorageFaultCounts[] = [];

  constructor(seed: number) {
    this.random = new Random(seed);
    const goodDisk = new SimulatedDisk();
    for (const [replica, disk] of [this.disk, goodDisk].entries()) {
      const machine = new Machine(disk, new Random(0), NO_STORAGE_FAULTS, NO_FAULTS_ATLAS);
      machine.superblock.format(
        { cluster: CLUSTER, release: RELEASE, replica, replicaCount: 2, view: 0 },
        () => undefined,
      );
      machine.run();
    }
    this.good = new Machine(goodDisk, new Random(0), NO_STORAGE_FAULTS, NO_FAULTS_ATLAS);
    this.faulty = this.#start(FAULTS);
    this.#open(this.good);
    this.#open(this.faulty);
    this.apply({ kind: "durable" });
  }

  step(): void {
    const step = this.random.weighted([8, 6, 8, 3, 2, 1]);
    if (step === 0 && this.live.size < LIVE_MAX)
      this.apply({ kind: "create", count: 1 + this.random.index(6), fill: 1 + this.random.index(255) });
    if (step === 1) this.release();
    if (step === 2) this.read();
    if (step === 3) this.faulty.work();
    if (step === 4) this.checkpoint();
    if (step === 5) this.crash(FAULTS);
  }

  apply(op: Op): void {
    this.ops.push(op);
    const created = this.#applyTo(this.good, op);
    expect(this.#applyTo(this.faulty, op)).toEqual(created);
    if (op.kind === "create") for (const block of created) this.live.set(block.address, { ...block, fill: op.fill });
    if (op.kind === "release") for (const address of op.addresses) this.live.delete(address);
    if (op.kind === "durable") this.durable = true;
  }

  release(): void {
    const addresses = [...this.live.keys()].filter(() => this.random.chance(1, 8));
    this.apply({ kind: "release", addresses });
  }

  /** Reads that never fail, whatever the disk does. */
  read(): void {
    const blocks = [...this.live.values()].filter(() => this.random.chance(1, 10));
    const results = new Map<number, number>();
    for (const { address, checksum } of blocks) {
      const read = new BlockRead((_, result) => {
        results.set(address, result instanceof Block ? (result.body()[0] ?? -1) : -1);
      });
      const [cacheRead, cacheWrite] = [this.random.boolean(), this.random.boolean()];
      this.faulty.grid.readBlock(read, { address, checksum, source: "localOrGlobalStorage", cacheRead, cacheWrite });
    }
    this.#until(() => results.size === blocks.length);
    for (const { address, fill } of blocks) expect(results.get(address)).toBe(fill);
  }

  checkpoint(): void {
    if (!this.durable) return this.apply({ kind: "durable" });
    const ids = [this.good, this.faulty].map((machine) => this.#checkpointOn(machine));
    expect(ids[1]).toBe(ids[0]);
    this.ops = [];
    this.durable = false;
    this.checkpoints += 1;
  }

  crash(faults: StorageFaults): void {
    this.faulty.storage.crash();
    this.faults.push(this.faulty.storage.counts);
    this.crashes += 1;
    this.faulty = this.#start(faults);
    this.#open(this.faulty);
    for (const op of this.ops) this.#applyTo(this.faulty, op);
    expect([...this.faulty.grid.freeSet.addressesAcquired()]).toEqual([...this.good.grid.freeSet.addressesAcquired()]);
  }

  /** Scrubs the bad disk until a whole tour finds nothing. Returns how many faults there were. */
  scrub(): number {
    const { grid, memory, checksums } = this.faulty;
    let blocks: BlockReference[] = [];
    const clientSessions = new CheckpointTrailer({
      config: TEST_MIN,
      memory,
      checksums,
      grid,
      blockType: BlockType.clientSessions,
      sizeMax: clientSessionsEncodeSize(TEST_MIN),
      label: "client sessions trailer",
    });
    const forest = {
      begin: () => void (blocks = [...this.live.values()]),
      nextTable: () => null,
      nextManifestBlock: () => blocks.shift() ?? null,
    };
    const scrubber = new GridScrubber({ config: TEST_MIN, grid, forest, clientSessions, random: new Random(1) });
    const { counts } = scrubber;
    for (let faultsBefore = -1; faultsBefore < counts.faults;) {
      faultsBefore = counts.faults;
      const tours = counts.toursFinished;
      this.#until(() => {
        scrubber.scrub();
        return counts.toursFinished > tours && grid.missing.count === 0;
      });
      // What the last reads of the tour have found.
      this.#until(() => grid.missing.count === 0);
      scrubber.scrub();
    }
    return counts.faults;
  }

  #start(faults: StorageFaults): Machine {
    return new Machine(this.disk, this.random, faults, this.atlas);
  }

  #open(machine: Machine): void {
    let opened = false;
    machine.superblock.open(() => machine.grid.open(() => (opened = true)));
    if (machine === this.faulty) this.#until(() => opened);
    else machine.run();
    expect(machine.grid.state).toBe("open");
  }

  #applyTo(machine: Machine, op: Op): BlockReference[] {
    if (op.kind === "create") {
      const created = machine.create(op.count, op.fill);
      if (machine === this.good || this.random.boolean()) machine.run();
      return created;
    }
    if (op.kind === "release") {
      machine.grid.release(op.addresses);
      return [];
    }
    let durable = false;
    machine.grid.checkpointDurable(() => (durable = true));
    while (!durable) machine.work();
    return [];
  }

  #checkpointOn(machine: Machine): bigint {
    const { grid, superblock, checksums } = machine;
    const idle = (): boolean => machine.storage.pendingCount === 0;
    if (machine === this.faulty) this.#until(idle);
    else machine.run();
    let written = false;
    grid.checkpoint(() => (written = true));
    while (!written) machine.work();
    const op = checkpointAfter(TEST_MIN, superblock.checkpointIds.op);
    const header = prepareAt(op, checksums);
    let durable = false;
    superblock.checkpoint(
      {
        header,
        viewAttributes: { logView: 0, view: 0, headers: [prepareAt(op + 4, checksums)] },
        commitMax: op + 4,
        syncOpMin: 0,
        syncOpMax: 0,
        manifest: MANIFEST_EMPTY,
        freeSetBlocksAcquired: grid.freeSetBlocksAcquired,
        freeSetBlocksReleased: grid.freeSetBlocksReleased,
        clientSessions: TRAILER_EMPTY,
        storageSize: grid.storageSize,
        release: RELEASE,
      },
      () => (durable = true),
    );
    while (!durable) machine.work();
    grid.markCheckpointNotDurable();
    return superblock.checkpointIds.id;
  }

  /** Lets time pass and blocks be asked for until something holds. */
  #until(holds: () => boolean): void {
    for (let round = 0; !holds(); round += 1) {
      if (round > ROUNDS_MAX) throw new Error(`stuck: ${this.faulty.grid.describe()}`);
      this.faulty.work();
      this.#exchange();
    }
  }

  #exchange(): void {
    const { grid } = this.faulty;
    const body = new Uint8Array(TEST_MIN.derived.messageBodySizeMax);
    const count = grid.nextBatchOfBlockRequests(body, () => true);
    for (let index = 0; index < count; index += 1) {
      const request = new BlockRequest(body, index * 32);
      const bytes = this.good.serve({ address: request.blockAddress, checksum: request.blockChecksum });
      if (bytes === null || grid.repairWritesAvailable === 0) continue;
      if (grid.receiveBlock(bytes)) this.blocksSent += 1;
    }
  }
}

describe("the grid on a faulty disk", () => {
  it("never gives a wrong block, and is whole again after scrubbing", () => {
    const totals = { faults: 0, misdirects: 0, torn: 0, blocksSent: 0, crashes: 0, checkpoints: 0 };
    for (let seed = 1; seed <= 8 * Number(process.env["STAGBEETLE_PROPERTY_RUNS"] ?? 1); seed += 1) {
      const pair = new Pair(seed);
      for (let steps = 0; steps < 150; steps += 1) pair.step();
      pair.crash(NO_STORAGE_FAULTS);
      pair.scrub();
      for (const { address, checksum, fill } of pair.live.values()) {
        expect(pair.faulty.serve({ address, checksum })?.[HEADER_SIZE_BYTES]).toBe(fill);
      }
      for (const counts of pair.faults) {
        totals.faults += counts.readFaults + counts.writeFaults;
        totals.misdirects += counts.misdirects;
        totals.torn += counts.writesTorn;
      }
      totals.blocksSent += pair.blocksSent;
      totals.crashes += pair.crashes;
      totals.checkpoints += pair.checkpoints;
    }
    // The runs have met what they are about.
    expect(totals.faults).toBeGreaterThan(50);
    expect(totals.misdirects).toBeGreaterThan(5);
    expect(totals.torn).toBeGreaterThan(5);
    expect(totals.blocksSent).toBeGreaterThan(30);
    expect(totals.crashes).toBeGreaterThan(20);
    expect(totals.checkpoints).toBeGreaterThan(20);
  }, 60_000);
});
