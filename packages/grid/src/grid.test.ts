import { LinearMemory } from "@stagbeetle/kernels";
import {
  BlockHeader,
  type BlockReference,
  BlockRequest,
  Checksums,
  FatalError,
  HEADER_SIZE_BYTES,
  PRODUCTION,
  Random,
  SILENT_LOGGER,
  TEST_MIN,
} from "@stagbeetle/vsr-protocol";
import { describe, expect, test } from "vitest";
import { GridHarness, TestSuperBlock } from "../test/grid-harness.ts";
import { MemoryStorage } from "../test/memory-storage.ts";
import { cacheBlocksFor } from "./block-cache.ts";
import { BlockRead } from "./block-reads.ts";
import { BlockWrite } from "./block-writes.ts";
import { Grid } from "./grid.ts";
import { gridMemorySize } from "./grid-options.ts";

/** A `block` message, as another replica sends it. */
function messageOf(harness: GridHarness, address: number, fill: number): Uint8Array {
  const block = harness.block(address, fill);
  const bytes = block.bytes().slice();
  block.release();
  return bytes;
}

function requests(harness: GridHarness, accept: (address: number) => boolean = () => true): number[] {
  const body = new Uint8Array(harness.config.process.gridRepairRequestMax * 32).fill(0xdd);
  const count = harness.grid.nextBatchOfBlockRequests(body, accept);
  return Array.from({ length: count }, (_, index) => new BlockRequest(body, index * 32).blockAddress);
}

/** Blocks that were written, and of which the disk has lost a bit. */
function damaged(harness: GridHarness, count: number): BlockReference[] {
  const references = Array.from({ length: count }, (_, index) => harness.written(index + 1));
  for (const { address } of references) harness.storage.damage(address, HEADER_SIZE_BYTES + 5);
  return references;
}

describe("a block that is written", () => {
  test("is on disk with zeros up to the end of its sector", () => {
    const harness = GridHarness.open();
    const [address = 0] = harness.acquire(1);
    const block = harness.block(address, 5);
    block.buffer.fill(0xee, block.header.size);
    harness.grid.createBlock(new BlockWrite(() => undefined), block);
    block.release();
    harness.storage.run();
    const bytes = harness.storage.bytes(0, harness.config.cluster.blockSize);
    expect([...bytes.subarray(HEADER_SIZE_BYTES, HEADER_SIZE_BYTES + 384)].every((byte) => byte === 5)).toBe(true);
    expect([...bytes.subarray(HEADER_SIZE_BYTES + 384)].every((byte) => byte === 0)).toBe(true);
    expect(new BlockHeader(bytes).address).toBe(address);
  });

  test("can be read at once, from memory", () => {
    const harness = GridHarness.open();
    const [address = 0] = harness.acquire(1);
    const reference = harness.create(address, 9);
    expect(harness.grid.readBlockFromCache(address, reference.checksum)?.body()[0]).toBe(9);
    const results = harness.read(reference);
    harness.storage.choose = (count) => count - 1;
    harness.storage.step();
    expect(results).toEqual([9]);
    harness.storage.run();
    expect(harness.log).toEqual(["write 1"]);
  });

  test("is in the cache when its owner hears of it, and the next write has begun", () => {
    const harness = GridHarness.open();
    const { gridIopsWriteMax } = harness.config.process;
    const addresses = harness.acquire(gridIopsWriteMax + 1);
    const seen: string[] = [];
    for (const address of addresses)
      harness.create(address, address, () => seen.push(`${address}:${harness.log.length}`));
    expect(harness.log.length).toBe(gridIopsWriteMax);
    harness.storage.run();
    expect(seen[0]).toBe(`1:${gridIopsWriteMax + 1}`);
    expect(seen.length).toBe(gridIopsWriteMax + 1);
  });

  test("was acquired, is not being written, and is of this cluster and release", () => {
    const harness = GridHarness.open();
    expect(() => harness.create(1, 1)).toThrow("written and free");
    harness.acquire(2);
    harness.create(1, 1);
    expect(() => harness.create(1, 2)).toThrow("is being written");
    const block = harness.block(2, 2);
    block.header.cluster = 8n;
    expect(() => harness.grid.createBlock(new BlockWrite(() => undefined), block)).toThrow("of this cluster");
    block.header.cluster = 7n;
    block.header.release += 1;
    expect(() => harness.grid.createBlock(new BlockWrite(() => undefined), block)).toThrow("of release");
  });

  test("that does not fit in the storage limit ends the process with status 5", () => {
    const harness = GridHarness.open({ blocksMax: 3 });
    harness.acquire(3);
    expect(() => harness.acquire(1)).toThrow(FatalError);
    expect(() => harness.acquire(1)).toThrow("would become too large");
  });
});

describe("reads", () => {
  test("of one block share one read of the disk", () => {
    const harness = GridHarness.open();
    const reference = harness.written(4);
    const all = [harness.read(reference), harness.read(reference), harness.read(reference, { source: "localStorage" })];
    harness.storage.run();
    expect(all).toEqual([[4], [4], [4]]);
    expect(harness.log).toEqual(["write 1", "read 1"]);
  });

  test("use the cache only if they may, and fill it only if they may", () => {
    const harness = GridHarness.open();
    const reference = harness.written(4);
    const restarted = harness.crash();
    restarted.open();
    const local = { source: "localStorage" } as const;
    restarted.read(reference, { ...local, cacheRead: true });
    restarted.storage.run();
    restarted.read(reference, { ...local, cacheRead: true, cacheWrite: true });
    restarted.storage.run();
    expect(restarted.log.length).toBe(2);
    restarted.read(reference, { ...local, cacheRead: true });
    restarted.storage.run();
    expect(restarted.log.length).toBe(2);
    restarted.read(reference, local);
    restarted.storage.run();
    expect(restarted.log.length).toBe(3);
  });

  test("are never answered from inside their call, and may be used again from their callback", () => {
    const harness = GridHarness.open();
    const reference = harness.written(4);
    const options = { ...reference, source: "localStorage", cacheRead: true, cacheWrite: true } as const;
    let times = 0;
    const read = new BlockRead(() => {
      times += 1;
      if (times < 3) harness.grid.readBlock(read, options);
    });
    harness.grid.readBlock(read, options);
    expect(times).toBe(0);
    harness.storage.run();
    expect(times).toBe(3);
  });

  test("beyond the I/O that there is wait for their turn", () => {
    const harness = GridHarness.open();
    const { gridIopsReadMax } = harness.config.process;
    const references = Array.from({ length: gridIopsReadMax + 5 }, (_, index) => harness.written(index + 1));
    const results = references.map((reference) => harness.read(reference));
    harness.storage.step();
    expect(harness.storage.pendingCount).toBe(gridIopsReadMax);
    harness.storage.run();
    expect(results).toEqual(references.map((_, index) => [index + 1]));
  });

  test("give back all the blocks that they borrowed", () => {
    const harness = GridHarness.open();
    const references = Array.from({ length: 20 }, (_, index) => harness.written(index + 1));
    const available = harness.grid.blocks.available;
    for (const reference of references) harness.read(reference);
    harness.storage.run();
    expect(harness.grid.blocks.available).toBe(available);
  });

  test("of an older version of an address do not see the newer one", () => {
    const harness = GridHarness.open();
    const old = harness.written(1);
    harness.grid.release([old.address]);
    harness.checkpoint();
    harness.checkpointDurable();
    const [address = 0] = harness.acquire(1);
    expect(address).toBe(old.address);
    const reference = harness.create(address, 2);
    const results = harness.read(old, { source: "localStorage", cacheRead: true });
    harness.storage.run();
    expect(results).toEqual(["unexpected_checksum"]);
    expect(harness.readLocally(reference)).toBe(2);
  });

  test.each([
    ["invalid_checksum", 20],
    ["invalid_checksum_body", HEADER_SIZE_BYTES],
    ["invalid_checksum_body", HEADER_SIZE_BYTES + 383],
    ["invalid_padding", HEADER_SIZE_BYTES + 384],
    ["invalid_padding", 4095],
  ])("find %s when byte %i is damaged", (fault, offset) => {
    const harness = GridHarness.open();
    const reference = harness.written(1);
    harness.storage.damage(reference.address, offset);
    expect(harness.readLocally(reference)).toBe(fault);
  });

  test("of a block that was never written find nothing", () => {
    expect(GridHarness.open().readLocally({ address: 5, checksum: 1n })).toBe("invalid_checksum");
  });
});

describe("a block that the disk has lost", () => {
  test("waits for another replica, is written again, and then read as if nothing had happened", () => {
    const harness = GridHarness.open();
    const [reference = { address: 0, checksum: 0n }] = damaged(harness, 1);
    const first = harness.read(reference);
    harness.storage.run();
    const second = harness.read(reference);
    harness.storage.run();
    expect([first, second]).toEqual([[], []]);
    expect(requests(harness)).toEqual([reference.address]);
    expect(harness.grid.receiveBlock(messageOf(harness, reference.address, 1))).toBe(true);
    expect([first, second]).toEqual([[1], [1]]);
    harness.storage.run();
    expect(harness.grid.missing.count).toBe(0);
    expect(harness.readLocally(reference)).toBe(1);
    expect(harness.grid.repairWritesAvailable).toBe(harness.config.process.gridIopsWriteMax);
  });

  test("is told to readers of the disk at once", () => {
    const harness = GridHarness.open();
    const [reference = { address: 0, checksum: 0n }] = damaged(harness, 1);
    const coherent = harness.read(reference);
    const local = harness.read(reference, { source: "localStorage" });
    harness.storage.run();
    expect([coherent, local]).toEqual([[], ["invalid_checksum_body"]]);
    expect(harness.readLocally(reference)).toBe("invalid_checksum_body");
  });

  test("does not take another block for itself", () => {
    const harness = GridHarness.open();
    const [reference = { address: 0, checksum: 0n }] = damaged(harness, 1);
    const results = harness.read(reference);
    harness.storage.run();
    expect(harness.grid.receiveBlock(messageOf(harness, reference.address, 77))).toBe(false);
    expect(harness.grid.receiveBlock(messageOf(harness, reference.address + 1, 1))).toBe(false);
    expect(results).toEqual([]);
  });

  test("is fatal for a single replica, which has nobody to ask", () => {
    const harness = GridHarness.open({ replicaCount: 1 });
    const [reference = { address: 0, checksum: 0n }] = damaged(harness, 1);
    harness.read(reference);
    expect(() => harness.storage.run()).toThrow(FatalError);
    expect(harness.readLocally(reference)).toBe("invalid_checksum_body");
  });

  test("is waited for by a standby of a single replica, which has someone to ask", () => {
    const harness = GridHarness.open({ replicaCount: 1 });
    harness.superblock.replica = 1;
    const [reference = { address: 0, checksum: 0n }] = damaged(harness, 1);
    const results = harness.read(reference);
    harness.storage.run();
    expect([results, harness.grid.readWaitsForBlock, harness.grid.blocksMissing]).toEqual([[], true, 1]);
    harness.grid.receiveBlock(messageOf(harness, reference.address, 1));
    expect([results, harness.grid.readWaitsForBlock]).toEqual([[1], false]);
  });

  test("tells whoever waits for room when it is written", () => {
    const harness = GridHarness.open();
    const [reference = { address: 0, checksum: 0n }] = damaged(harness, 1);
    const available: number[] = [];
    harness.grid.onRepairWritten(() => available.push(harness.grid.repairWritesAvailable));
    harness.read(reference);
    harness.storage.run();
    harness.grid.receiveBlock(messageOf(harness, reference.address, 1));
    expect(available).toEqual([]);
    harness.storage.run();
    expect(available).toEqual([harness.config.process.gridIopsWriteMax]);
  });

  test("is asked for once, and those that reads wait for come first", () => {
    const harness = GridHarness.open();
    const references = damaged(harness, 8);
    // The queue of missing blocks takes three; the reads of all eight wait.
    for (const reference of references) harness.read(reference);
    harness.storage.run();
    expect(harness.grid.missing.count).toBe(harness.config.process.gridMissingBlocksMax);
    // Two places are kept for missing blocks, and none is asked for twice.
    expect(requests(harness)).toEqual([1, 2, 3]);
    expect(requests(harness, (address) => address > 5)).toEqual([6, 7]);
    expect(requests(harness, () => false)).toEqual([]);
  });
});

describe("a checkpoint", () => {
  test("writes the recorded addresses of a real run (spec 04 §29.5)", () => {
    const harness = GridHarness.open();
    // Tables 1..40, manifest 41, client sessions 42.
    for (const address of harness.acquire(42)) harness.create(address, address);
    harness.storage.run();
    harness.checkpoint();
    const { checkpoint } = harness.superblock.working;
    expect(checkpoint.freeSetBlocksAcquiredSize).toBe(16);
    expect(checkpoint.freeSetBlocksAcquiredChecksum).toBe(0x6ee29e3b703ca4f2526dc255f03f57fen);
    expect(checkpoint.freeSetBlocksAcquiredLastBlockAddress).toBe(43);
    expect(checkpoint.freeSetBlocksReleasedSize).toBe(0);
    expect(harness.grid.storageSize).toBe(
      harness.config.derived.dataFileSizeMin + 43 * harness.config.cluster.blockSize,
    );
    expect(harness.grid.freeSet.isReleased(43)).toBe(true);
    harness.checkpointDurable();
    expect(harness.grid.freeSet.isFree(43)).toBe(false);
    harness.checkpoint();
    harness.checkpointDurable();
    expect(harness.grid.freeSet.isFree(43)).toBe(true);
  });

  test("is opened again as it was", () => {
    const harness = GridHarness.open();
    const references = Array.from({ length: 10 }, (_, index) => harness.written(index + 1));
    harness.grid.release([2, 3]);
    harness.checkpoint();
    const restarted = harness.crash();
    restarted.open();
    expect([...restarted.grid.freeSet.addressesAcquired()]).toEqual([...harness.grid.freeSet.addressesAcquired()]);
    expect(restarted.grid.freeSet.countReleased).toBe(harness.grid.freeSet.countReleased);
    for (const [index, reference] of references.entries()) expect(restarted.readLocally(reference)).toBe(index + 1);
    restarted.checkpointDurable();
    expect(restarted.acquire(2)).toEqual([2, 3]);
  });

  test("of a set that needs more than one block is a chain", () => {
    const blocksMax = 200 * 4096;
    const harness = GridHarness.open({ blocksMax });
    // Every second block: no run to compress.
    const addresses = harness.acquire(70_000);
    for (let at = 0; at < addresses.length; at += 2) harness.grid.release(addresses.slice(at, at + 1));
    harness.checkpoint();
    harness.checkpointDurable();
    harness.checkpoint();
    expect(harness.superblock.working.checkpoint.freeSetBlocksAcquiredSize).toBeGreaterThan(2 * 3840);
    expect(harness.grid.freeSetTrailerAddresses.length).toBe(3 + 1);
    const restarted = harness.crash();
    restarted.open();
    expect(restarted.grid.freeSet.countAcquired).toBe(harness.grid.freeSet.countAcquired);
    expect(restarted.grid.freeSetTrailerAddresses).toEqual(harness.grid.freeSetTrailerAddresses);
  });

  test("with a damaged trailer is repaired from another replica", () => {
    const harness = GridHarness.open();
    harness.written(1);
    harness.checkpoint();
    const [trailer = 0] = harness.grid.freeSetTrailerAddresses;
    const bytes = harness.storage.bytes((trailer - 1) * 4096, 4096);
    const restarted = harness.crash();
    restarted.storage.damage(trailer, 300);
    let opened = false;
    restarted.grid.open(() => (opened = true));
    restarted.storage.run();
    expect(opened).toBe(false);
    expect(requests(restarted)).toEqual([trailer]);
    restarted.grid.receiveBlock(bytes);
    restarted.storage.run();
    expect(opened).toBe(true);
    expect(restarted.grid.freeSet.countAcquired).toBe(2);
  });

  test("becomes durable only after late repairs of blocks that it frees", () => {
    const harness = GridHarness.open();
    const [reference = { address: 0, checksum: 0n }, other = reference] = damaged(harness, 2);
    harness.grid.missing.repairBlock(reference);
    harness.grid.missing.repairBlock(other);
    harness.grid.release([reference.address, other.address]);
    harness.checkpoint();
    harness.grid.receiveBlock(messageOf(harness, reference.address, 1));
    let durable = false;
    harness.grid.checkpointDurable(() => (durable = true));
    expect(harness.grid.missing.stateOf(reference.address)).toBe("aborting");
    expect(harness.grid.missing.stateOf(other.address)).toBe(null);
    expect(durable).toBe(false);
    harness.storage.run();
    expect(durable).toBe(true);
    expect(harness.grid.missing.count).toBe(0);
    expect(harness.acquire(2)).toEqual([reference.address, other.address]);
  });

  test("is not written while a block that it needs is missing", () => {
    const harness = GridHarness.open();
    const [reference = { address: 0, checksum: 0n }] = damaged(harness, 1);
    harness.read(reference);
    harness.storage.run();
    expect(() => harness.grid.checkpoint(() => undefined)).toThrow("1 reads wait");
  });
});

describe("cancelling", () => {
  test("drops reads and writes without a word, and waits for those under way", () => {
    const harness = GridHarness.open();
    const references = Array.from({ length: 3 }, (_, index) => harness.written(index + 1));
    const told: string[] = [];
    const reads = references.map((reference) => harness.read(reference));
    harness.storage.step();
    for (const address of harness.acquire(harness.config.process.gridIopsWriteMax + 3)) {
      harness.create(address, address, () => told.push(`written ${address}`));
    }
    harness.grid.nextTick(() => told.push("tick"));
    harness.grid.cancel(() => told.push("cancelled"));
    expect(told).toEqual([]);
    harness.storage.run();
    expect(told).toEqual(["cancelled"]);
    expect(reads).toEqual([[], [], []]);
    expect(harness.grid.state).toBe("closed");
    harness.open();
    harness.grid.missing.resume(() => true);
    harness.checkpointDurable();
    expect(harness.acquire(1)).toEqual([1]);
  });

  test("is never answered from inside its call", () => {
    const harness = GridHarness.open();
    let cancelled = false;
    harness.grid.cancel(() => (cancelled = true));
    expect(cancelled).toBe(false);
    harness.storage.run();
    expect(cancelled).toBe(true);
  });

  test("from the callback of a read drops the other reads of the block", () => {
    const harness = GridHarness.open();
    const reference = harness.written(1);
    const told: string[] = [];
    const options = { ...reference, source: "localOrGlobalStorage", cacheRead: false, cacheWrite: false } as const;
    const reads = [0, 1, 2].map(
      (index) =>
        new BlockRead(() => {
          told.push(`read ${index}`);
          if (told.length === 1) harness.grid.cancel(() => told.push("cancelled"));
        }),
    );
    for (const read of reads) harness.grid.readBlock(read, options);
    harness.storage.run();
    expect(told).toEqual(["read 1", "cancelled"]);
    expect(reads.map(({ state }) => state)).toEqual(["idle", "idle", "idle"]);
  });

  test("gives back what repairs held", () => {
    const harness = GridHarness.open();
    const [reference = { address: 0, checksum: 0n }] = damaged(harness, 1);
    harness.read(reference);
    harness.storage.run();
    harness.grid.receiveBlock(messageOf(harness, reference.address, 1));
    harness.grid.cancel(() => undefined);
    harness.storage.run();
    expect(harness.grid.repairWritesAvailable).toBe(harness.config.process.gridIopsWriteMax);
    expect(harness.grid.missing.count).toBe(0);
  });
});

describe("a block for another replica", () => {
  test("is header and body, or nothing if exactly this block is not here", () => {
    const harness = GridHarness.open();
    const reference = harness.written(7);
    const served: (number | undefined)[] = [];
    const serve = (wanted: BlockReference): void =>
      harness.grid.readBlockForReplica(wanted, (bytes) => served.push(bytes?.length, bytes?.[HEADER_SIZE_BYTES]));
    serve(reference);
    serve({ ...reference, checksum: 1n });
    serve({ ...reference, address: harness.grid.freeSet.blocksMax + 1 });
    expect(served).toEqual([]);
    harness.storage.run();
    expect(served.slice(0, 2)).toEqual([HEADER_SIZE_BYTES + 3 * 128, 7]);
    expect(served.slice(2)).toEqual([undefined, undefined, undefined, undefined]);
  });

  test("takes one of few reads, which a cancel gives back without a word", () => {
    const harness = GridHarness.open();
    const reference = harness.written(7);
    const { gridRepairReadsMax } = harness.config.process;
    let served = 0;
    for (let left = gridRepairReadsMax; left > 0; left -= 1) {
      expect(harness.grid.repairReadsAvailable).toBe(left);
      harness.grid.readBlockForReplica(reference, () => (served += 1));
    }
    expect(harness.grid.repairReadsAvailable).toBe(0);
    expect(() => harness.grid.readBlockForReplica(reference, () => undefined)).toThrow("under way");
    harness.grid.cancel(() => undefined);
    expect(harness.grid.cancelling).toBe(true);
    harness.storage.run();
    expect([harness.grid.cancelling, harness.grid.repairReadsAvailable, served]).toEqual([
      false,
      gridRepairReadsMax,
      0,
    ]);
    harness.grid.readBlockForReplica(reference, () => (served += 1));
    harness.storage.run();
    expect(served).toBe(1);
  });
});

describe("a table that a state sync skipped", () => {
  /** A table that other replicas have: its blocks as messages, the index block last, acquired here but lost. */
  function lost(harness: GridHarness): { readonly index: BlockReference; readonly messages: Uint8Array[] } {
    const references = harness.table(2);
    const messages = references.map(({ address }) => {
      const { blockSize } = harness.config.cluster;
      const block = harness.storage.bytes((address - 1) * blockSize, blockSize);
      return block.slice(0, new BlockHeader(block).size);
    });
    for (const { address } of references) harness.storage.damage(address, 0);
    return { index: references.at(-1) ?? { address: 0, checksum: 0n }, messages };
  }

  test("is asked for from its index block on, and reclaimed once when all of it is written", () => {
    const harness = GridHarness.open();
    const { index, messages } = lost(harness);
    const [first = new Uint8Array(0), second = new Uint8Array(0), last = new Uint8Array(0)] = messages;
    expect(harness.grid.fetchTable(index)).toBe(true);
    expect(harness.grid.fetchTable(index)).toBe(false);
    expect([harness.grid.tablesMissing, requests(harness)]).toEqual([1, [index.address]]);
    expect(harness.grid.receiveBlock(first)).toBe(false);
    expect(harness.grid.receiveBlock(last)).toBe(true);
    harness.storage.run();
    expect(requests(harness).length).toBe(2);
    for (const message of [first, second]) expect(harness.grid.receiveBlock(message)).toBe(true);
    expect(harness.grid.reclaimTable()).toBeNull();
    harness.storage.run();
    expect(harness.grid.tablesMissing).toBe(1);
    expect(harness.grid.reclaimTable()).toEqual(index);
    expect([harness.grid.reclaimTable(), harness.grid.tablesMissing, harness.grid.blocksMissing]).toEqual([null, 0, 0]);
  });

  test("is set aside by the next state sync, and goes on if it is still there", () => {
    const harness = GridHarness.open();
    const { index } = lost(harness);
    harness.checkpoint();
    harness.grid.fetchTable(index);
    harness.grid.cancel(() => undefined);
    harness.storage.run();
    expect([harness.grid.tablesAvailable, harness.grid.blocksMissing]).toEqual([0, 0]);
    harness.open();
    harness.grid.resumeTables(({ address }) => address === index.address);
    expect([harness.grid.tablesMissing, requests(harness)]).toEqual([1, [index.address]]);
  });
});

describe("memory", () => {
  test.each([
    [TEST_MIN, 1 << 20],
    [PRODUCTION, 1 << 20],
    [PRODUCTION, 33_550_000],
  ])("is what was announced (%#)", (config, blocksMax) => {
    const { blockSize } = config.cluster;
    const options = {
      config,
      storageSizeLimit: config.derived.dataFileSizeMin + blocksMax * blockSize,
      cacheSizeBytes: 64 * blockSize,
      blocksOfUsers: 4,
    };
    const announced = gridMemorySize(options);
    const memory = new LinearMemory({ sizeBytes: announced + 8 * 4096 + 65_536, shared: false });
    const free = memory.freeSizeBytes;
    const superblock = new TestSuperBlock(config, 1);
    const parts = { memory, storage: new MemoryStorage(config), superblock, checksums: new Checksums() };
    new Grid({ ...options, ...parts, random: new Random(1), logger: SILENT_LOGGER });
    const taken = free - memory.freeSizeBytes;
    expect(taken).toBeGreaterThanOrEqual(announced);
    expect(taken).toBeLessThan(announced + 8 * 4096);
  });

  test("of a cache that is too small is refused with status 1", () => {
    const { blockSize } = TEST_MIN.cluster;
    expect(cacheBlocksFor(TEST_MIN, 64 * blockSize)).toBe(64);
    expect(cacheBlocksFor(TEST_MIN, 200 * blockSize)).toBe(192);
    expect(() => cacheBlocksFor(TEST_MIN, 64 * blockSize - 1)).toThrow("--cache-grid");
    expect(cacheBlocksFor(PRODUCTION, 1 << 30)).toBe(2048);
  });
});
