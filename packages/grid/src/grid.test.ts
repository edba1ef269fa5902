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
import { Bench, TestSuperBlock } from "../test/bench.ts";
import { MemoryStorage } from "../test/memory-storage.ts";
import { cacheBlocksFor } from "./block-cache.ts";
import { BlockRead } from "./block-reads.ts";
import { BlockWrite } from "./block-writes.ts";
import { Grid } from "./grid.ts";
import { gridMemorySize } from "./grid-options.ts";

/** A `block` message, as another replica sends it. */
function messageOf(bench: Bench, address: number, fill: number): Uint8Array {
  const block = bench.block(address, fill);
  const bytes = block.bytes().slice();
  block.release();
  return bytes;
}

function requests(bench: Bench, accept: (address: number) => boolean = () => true): number[] {
  const body = new Uint8Array(bench.config.process.gridRepairRequestMax * 32).fill(0xdd);
  const count = bench.grid.nextBatchOfBlockRequests(body, accept);
  return Array.from({ length: count }, (_, index) => new BlockRequest(body, index * 32).blockAddress);
}

/** Blocks that were written, and of which the disk has lost a bit. */
function damaged(bench: Bench, count: number): BlockReference[] {
  const references = Array.from({ length: count }, (_, index) => bench.written(index + 1));
  for (const { address } of references) bench.storage.damage(address, HEADER_SIZE_BYTES + 5);
  return references;
}

describe("a block that is written", () => {
  test("is on disk with zeros up to the end of its sector", () => {
    const bench = Bench.open();
    const [address = 0] = bench.acquire(1);
    const block = bench.block(address, 5);
    block.buffer.fill(0xee, block.header.size);
    bench.grid.createBlock(new BlockWrite(() => undefined), block);
    block.release();
    bench.storage.run();
    const bytes = bench.storage.bytes(0, bench.config.cluster.blockSize);
    expect([...bytes.subarray(HEADER_SIZE_BYTES, HEADER_SIZE_BYTES + 384)].every((byte) => byte === 5)).toBe(true);
    expect([...bytes.subarray(HEADER_SIZE_BYTES + 384)].every((byte) => byte === 0)).toBe(true);
    expect(new BlockHeader(bytes).address).toBe(address);
  });

  test("can be read at once, from memory", () => {
    const bench = Bench.open();
    const [address = 0] = bench.acquire(1);
    const reference = bench.create(address, 9);
    expect(bench.grid.readBlockFromCache(address, reference.checksum)?.body()[0]).toBe(9);
    const results = bench.read(reference);
    bench.storage.choose = (count) => count - 1;
    bench.storage.step();
    expect(results).toEqual([9]);
    bench.storage.run();
    expect(bench.storage.log).toEqual(["write 1"]);
  });

  test("is in the cache when its owner hears of it, and the next write has begun", () => {
    const bench = Bench.open();
    const { gridIopsWriteMax } = bench.config.process;
    const addresses = bench.acquire(gridIopsWriteMax + 1);
    const seen: string[] = [];
    for (const address of addresses)
      bench.create(address, address, () => seen.push(`${address}:${bench.storage.log.length}`));
    expect(bench.storage.log.length).toBe(gridIopsWriteMax);
    bench.storage.run();
    expect(seen[0]).toBe(`1:${gridIopsWriteMax + 1}`);
    expect(seen.length).toBe(gridIopsWriteMax + 1);
  });

  test("was acquired, is not being written, and is of this cluster and release", () => {
    const bench = Bench.open();
    expect(() => bench.create(1, 1)).toThrow("written and free");
    bench.acquire(2);
    bench.create(1, 1);
    expect(() => bench.create(1, 2)).toThrow("is being written");
    const block = bench.block(2, 2);
    block.header.cluster = 8n;
    expect(() => bench.grid.createBlock(new BlockWrite(() => undefined), block)).toThrow("of this cluster");
    block.header.cluster = 7n;
    block.header.release += 1;
    expect(() => bench.grid.createBlock(new BlockWrite(() => undefined), block)).toThrow("of release");
  });

  test("that does not fit in the storage limit ends the process with status 5", () => {
    const bench = Bench.open({ blocksMax: 3 });
    bench.acquire(3);
    expect(() => bench.acquire(1)).toThrow(FatalError);
    expect(() => bench.acquire(1)).toThrow("would become too large");
  });
});

describe("reads", () => {
  test("of one block share one read of the disk", () => {
    const bench = Bench.open();
    const reference = bench.written(4);
    const all = [bench.read(reference), bench.read(reference), bench.read(reference, { source: "localStorage" })];
    bench.storage.run();
    expect(all).toEqual([[4], [4], [4]]);
    expect(bench.storage.log).toEqual(["write 1", "read 1"]);
  });

  test("use the cache only if they may, and fill it only if they may", () => {
    const bench = Bench.open();
    const reference = bench.written(4);
    const restarted = bench.crash();
    restarted.open();
    const local = { source: "localStorage" } as const;
    restarted.read(reference, { ...local, cacheRead: true });
    restarted.storage.run();
    restarted.read(reference, { ...local, cacheRead: true, cacheWrite: true });
    restarted.storage.run();
    expect(restarted.storage.log.length).toBe(2);
    restarted.read(reference, { ...local, cacheRead: true });
    restarted.storage.run();
    expect(restarted.storage.log.length).toBe(2);
    restarted.read(reference, local);
    restarted.storage.run();
    expect(restarted.storage.log.length).toBe(3);
  });

  test("are never answered from inside their call, and may be used again from their callback", () => {
    const bench = Bench.open();
    const reference = bench.written(4);
    const options = { ...reference, source: "localStorage", cacheRead: true, cacheWrite: true } as const;
    let times = 0;
    const read = new BlockRead(() => {
      times += 1;
      if (times < 3) bench.grid.readBlock(read, options);
    });
    bench.grid.readBlock(read, options);
    expect(times).toBe(0);
    bench.storage.run();
    expect(times).toBe(3);
  });

  test("beyond the I/O that there is wait for their turn", () => {
    const bench = Bench.open();
    const { gridIopsReadMax } = bench.config.process;
    const references = Array.from({ length: gridIopsReadMax + 5 }, (_, index) => bench.written(index + 1));
    const results = references.map((reference) => bench.read(reference));
    bench.storage.step();
    expect(bench.storage.pendingCount).toBe(gridIopsReadMax);
    bench.storage.run();
    expect(results).toEqual(references.map((_, index) => [index + 1]));
  });

  test("give back all the blocks that they borrowed", () => {
    const bench = Bench.open();
    const references = Array.from({ length: 20 }, (_, index) => bench.written(index + 1));
    const available = bench.grid.blocks.available;
    for (const reference of references) bench.read(reference);
    bench.storage.run();
    expect(bench.grid.blocks.available).toBe(available);
  });

  test("of an older version of an address do not see the newer one", () => {
    const bench = Bench.open();
    const old = bench.written(1);
    bench.grid.release([old.address]);
    bench.checkpoint();
    bench.checkpointDurable();
    const [address = 0] = bench.acquire(1);
    expect(address).toBe(old.address);
    const reference = bench.create(address, 2);
    const results = bench.read(old, { source: "localStorage", cacheRead: true });
    bench.storage.run();
    expect(results).toEqual(["unexpected_checksum"]);
    expect(bench.readLocally(reference)).toBe(2);
  });

  test.each([
    ["invalid_checksum", 20],
    ["invalid_checksum_body", HEADER_SIZE_BYTES],
    ["invalid_checksum_body", HEADER_SIZE_BYTES + 383],
    ["invalid_padding", HEADER_SIZE_BYTES + 384],
    ["invalid_padding", 4095],
  ])("find %s when byte %i is damaged", (fault, offset) => {
    const bench = Bench.open();
    const reference = bench.written(1);
    bench.storage.damage(reference.address, offset);
    expect(bench.readLocally(reference)).toBe(fault);
  });

  test("of a block that was never written find nothing", () => {
    expect(Bench.open().readLocally({ address: 5, checksum: 1n })).toBe("invalid_checksum");
  });
});

describe("a block that the disk has lost", () => {
  test("waits for another replica, is written again, and then read as if nothing had happened", () => {
    const bench = Bench.open();
    const [reference = { address: 0, checksum: 0n }] = damaged(bench, 1);
    const first = bench.read(reference);
    bench.storage.run();
    const second = bench.read(reference);
    bench.storage.run();
    expect([first, second]).toEqual([[], []]);
    expect(requests(bench)).toEqual([reference.address]);
    expect(bench.grid.receiveBlock(messageOf(bench, reference.address, 1))).toBe(true);
    expect([first, second]).toEqual([[1], [1]]);
    bench.storage.run();
    expect(bench.grid.missing.count).toBe(0);
    expect(bench.readLocally(reference)).toBe(1);
    expect(bench.grid.repairWritesAvailable).toBe(bench.config.process.gridIopsWriteMax);
  });

  test("is told to readers of the disk at once", () => {
    const bench = Bench.open();
    const [reference = { address: 0, checksum: 0n }] = damaged(bench, 1);
    const coherent = bench.read(reference);
    const local = bench.read(reference, { source: "localStorage" });
    bench.storage.run();
    expect([coherent, local]).toEqual([[], ["invalid_checksum_body"]]);
    expect(bench.readLocally(reference)).toBe("invalid_checksum_body");
  });

  test("does not take another block for itself", () => {
    const bench = Bench.open();
    const [reference = { address: 0, checksum: 0n }] = damaged(bench, 1);
    const results = bench.read(reference);
    bench.storage.run();
    expect(bench.grid.receiveBlock(messageOf(bench, reference.address, 77))).toBe(false);
    expect(bench.grid.receiveBlock(messageOf(bench, reference.address + 1, 1))).toBe(false);
    expect(results).toEqual([]);
  });

  test("is fatal for a single replica, which has nobody to ask", () => {
    const bench = Bench.open({ replicaCount: 1 });
    const [reference = { address: 0, checksum: 0n }] = damaged(bench, 1);
    bench.read(reference);
    expect(() => bench.storage.run()).toThrow(FatalError);
    expect(bench.readLocally(reference)).toBe("invalid_checksum_body");
  });

  test("is waited for by a standby of a single replica, which has someone to ask", () => {
    const bench = Bench.open({ replicaCount: 1 });
    bench.superblock.replica = 1;
    const [reference = { address: 0, checksum: 0n }] = damaged(bench, 1);
    const results = bench.read(reference);
    bench.storage.run();
    expect([results, bench.grid.readWaitsForBlock, bench.grid.blocksMissing]).toEqual([[], true, 1]);
    bench.grid.receiveBlock(messageOf(bench, reference.address, 1));
    expect([results, bench.grid.readWaitsForBlock]).toEqual([[1], false]);
  });

  test("tells whoever waits for room when it is written", () => {
    const bench = Bench.open();
    const [reference = { address: 0, checksum: 0n }] = damaged(bench, 1);
    const available: number[] = [];
    bench.grid.onRepairWritten(() => available.push(bench.grid.repairWritesAvailable));
    bench.read(reference);
    bench.storage.run();
    bench.grid.receiveBlock(messageOf(bench, reference.address, 1));
    expect(available).toEqual([]);
    bench.storage.run();
    expect(available).toEqual([bench.config.process.gridIopsWriteMax]);
  });

  test("is asked for once, and those that reads wait for come first", () => {
    const bench = Bench.open();
    const references = damaged(bench, 8);
    // The queue of missing blocks takes three; the reads of all eight wait.
    for (const reference of references) bench.read(reference);
    bench.storage.run();
    expect(bench.grid.missing.count).toBe(bench.config.process.gridMissingBlocksMax);
    // Two places are kept for missing blocks, and none is asked for twice.
    expect(requests(bench)).toEqual([1, 2, 3]);
    expect(requests(bench, (address) => address > 5)).toEqual([6, 7]);
    expect(requests(bench, () => false)).toEqual([]);
  });
});

describe("a checkpoint", () => {
  test("writes the recorded addresses of a real run (spec 04 §29.5)", () => {
    const bench = Bench.open();
    // Tables 1..40, manifest 41, client sessions 42.
    for (const address of bench.acquire(42)) bench.create(address, address);
    bench.storage.run();
    bench.checkpoint();
    const { checkpoint } = bench.superblock.working;
    expect(checkpoint.freeSetBlocksAcquiredSize).toBe(16);
    expect(checkpoint.freeSetBlocksAcquiredChecksum).toBe(0x6ee29e3b703ca4f2526dc255f03f57fen);
    expect(checkpoint.freeSetBlocksAcquiredLastBlockAddress).toBe(43);
    expect(checkpoint.freeSetBlocksReleasedSize).toBe(0);
    expect(bench.grid.storageSize).toBe(bench.config.derived.dataFileSizeMin + 43 * bench.config.cluster.blockSize);
    expect(bench.grid.freeSet.isReleased(43)).toBe(true);
    bench.checkpointDurable();
    expect(bench.grid.freeSet.isFree(43)).toBe(false);
    bench.checkpoint();
    bench.checkpointDurable();
    expect(bench.grid.freeSet.isFree(43)).toBe(true);
  });

  test("is opened again as it was", () => {
    const bench = Bench.open();
    const references = Array.from({ length: 10 }, (_, index) => bench.written(index + 1));
    bench.grid.release([2, 3]);
    bench.checkpoint();
    const restarted = bench.crash();
    restarted.open();
    expect([...restarted.grid.freeSet.addressesAcquired()]).toEqual([...bench.grid.freeSet.addressesAcquired()]);
    expect(restarted.grid.freeSet.countReleased).toBe(bench.grid.freeSet.countReleased);
    for (const [index, reference] of references.entries()) expect(restarted.readLocally(reference)).toBe(index + 1);
    restarted.checkpointDurable();
    expect(restarted.acquire(2)).toEqual([2, 3]);
  });

  test("of a set that needs more than one block is a chain", () => {
    const blocksMax = 200 * 4096;
    const bench = Bench.open({ blocksMax });
    // Every second block: no run to compress.
    const addresses = bench.acquire(70_000);
    for (let at = 0; at < addresses.length; at += 2) bench.grid.release(addresses.slice(at, at + 1));
    bench.checkpoint();
    bench.checkpointDurable();
    bench.checkpoint();
    expect(bench.superblock.working.checkpoint.freeSetBlocksAcquiredSize).toBeGreaterThan(2 * 3840);
    expect(bench.grid.freeSetTrailerAddresses.length).toBe(3 + 1);
    const restarted = bench.crash();
    restarted.open();
    expect(restarted.grid.freeSet.countAcquired).toBe(bench.grid.freeSet.countAcquired);
    expect(restarted.grid.freeSetTrailerAddresses).toEqual(bench.grid.freeSetTrailerAddresses);
  });

  test("with a damaged trailer is repaired from another replica", () => {
    const bench = Bench.open();
    bench.written(1);
    bench.checkpoint();
    const [trailer = 0] = bench.grid.freeSetTrailerAddresses;
    const bytes = bench.storage.bytes((trailer - 1) * 4096, 4096);
    const restarted = bench.crash();
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
    const bench = Bench.open();
    const [reference = { address: 0, checksum: 0n }, other = reference] = damaged(bench, 2);
    bench.grid.missing.repairBlock(reference);
    bench.grid.missing.repairBlock(other);
    bench.grid.release([reference.address, other.address]);
    bench.checkpoint();
    bench.grid.receiveBlock(messageOf(bench, reference.address, 1));
    let durable = false;
    bench.grid.checkpointDurable(() => (durable = true));
    expect(bench.grid.missing.stateOf(reference.address)).toBe("aborting");
    expect(bench.grid.missing.stateOf(other.address)).toBe(null);
    expect(durable).toBe(false);
    bench.storage.run();
    expect(durable).toBe(true);
    expect(bench.grid.missing.count).toBe(0);
    expect(bench.acquire(2)).toEqual([reference.address, other.address]);
  });

  test("is not written while a block that it needs is missing", () => {
    const bench = Bench.open();
    const [reference = { address: 0, checksum: 0n }] = damaged(bench, 1);
    bench.read(reference);
    bench.storage.run();
    expect(() => bench.grid.checkpoint(() => undefined)).toThrow("1 reads wait");
  });
});

describe("cancelling", () => {
  test("drops reads and writes without a word, and waits for those under way", () => {
    const bench = Bench.open();
    const references = Array.from({ length: 3 }, (_, index) => bench.written(index + 1));
    const told: string[] = [];
    const reads = references.map((reference) => bench.read(reference));
    bench.storage.step();
    for (const address of bench.acquire(bench.config.process.gridIopsWriteMax + 3)) {
      bench.create(address, address, () => told.push(`written ${address}`));
    }
    bench.grid.nextTick(() => told.push("tick"));
    bench.grid.cancel(() => told.push("cancelled"));
    expect(told).toEqual([]);
    bench.storage.run();
    expect(told).toEqual(["cancelled"]);
    expect(reads).toEqual([[], [], []]);
    expect(bench.grid.state).toBe("closed");
    bench.open();
    bench.grid.missing.resume(() => true);
    bench.checkpointDurable();
    expect(bench.acquire(1)).toEqual([1]);
  });

  test("is never answered from inside its call", () => {
    const bench = Bench.open();
    let cancelled = false;
    bench.grid.cancel(() => (cancelled = true));
    expect(cancelled).toBe(false);
    bench.storage.run();
    expect(cancelled).toBe(true);
  });

  test("from the callback of a read drops the other reads of the block", () => {
    const bench = Bench.open();
    const reference = bench.written(1);
    const told: string[] = [];
    const options = { ...reference, source: "localOrGlobalStorage", cacheRead: false, cacheWrite: false } as const;
    const reads = [0, 1, 2].map(
      (index) =>
        new BlockRead(() => {
          told.push(`read ${index}`);
          if (told.length === 1) bench.grid.cancel(() => told.push("cancelled"));
        }),
    );
    for (const read of reads) bench.grid.readBlock(read, options);
    bench.storage.run();
    expect(told).toEqual(["read 1", "cancelled"]);
    expect(reads.map(({ state }) => state)).toEqual(["idle", "idle", "idle"]);
  });

  test("gives back what repairs held", () => {
    const bench = Bench.open();
    const [reference = { address: 0, checksum: 0n }] = damaged(bench, 1);
    bench.read(reference);
    bench.storage.run();
    bench.grid.receiveBlock(messageOf(bench, reference.address, 1));
    bench.grid.cancel(() => undefined);
    bench.storage.run();
    expect(bench.grid.repairWritesAvailable).toBe(bench.config.process.gridIopsWriteMax);
    expect(bench.grid.missing.count).toBe(0);
  });
});

describe("a block for another replica", () => {
  test("is header and body, or nothing if exactly this block is not here", () => {
    const bench = Bench.open();
    const reference = bench.written(7);
    const served: (number | undefined)[] = [];
    const serve = (wanted: BlockReference): void =>
      bench.grid.readBlockForReplica(wanted, (bytes) => served.push(bytes?.length, bytes?.[HEADER_SIZE_BYTES]));
    serve(reference);
    serve({ ...reference, checksum: 1n });
    serve({ ...reference, address: bench.grid.freeSet.blocksMax + 1 });
    expect(served).toEqual([]);
    bench.storage.run();
    expect(served.slice(0, 2)).toEqual([HEADER_SIZE_BYTES + 3 * 128, 7]);
    expect(served.slice(2)).toEqual([undefined, undefined, undefined, undefined]);
  });

  test("takes one of few reads, which a cancel gives back without a word", () => {
    const bench = Bench.open();
    const reference = bench.written(7);
    const { gridRepairReadsMax } = bench.config.process;
    let served = 0;
    for (let left = gridRepairReadsMax; left > 0; left -= 1) {
      expect(bench.grid.repairReadsAvailable).toBe(left);
      bench.grid.readBlockForReplica(reference, () => (served += 1));
    }
    expect(bench.grid.repairReadsAvailable).toBe(0);
    expect(() => bench.grid.readBlockForReplica(reference, () => undefined)).toThrow("under way");
    bench.grid.cancel(() => undefined);
    expect(bench.grid.cancelling).toBe(true);
    bench.storage.run();
    expect([bench.grid.cancelling, bench.grid.repairReadsAvailable, served]).toEqual([false, gridRepairReadsMax, 0]);
    bench.grid.readBlockForReplica(reference, () => (served += 1));
    bench.storage.run();
    expect(served).toBe(1);
  });
});

describe("a table that a state sync skipped", () => {
  /** A table that other replicas have: its blocks as messages, the index block last, acquired here but lost. */
  function lost(bench: Bench): { readonly index: BlockReference; readonly messages: Uint8Array[] } {
    const references = bench.table(2);
    const messages = references.map(({ address }) => {
      const { blockSize } = bench.config.cluster;
      const block = bench.storage.bytes((address - 1) * blockSize, blockSize);
      return block.slice(0, new BlockHeader(block).size);
    });
    for (const { address } of references) bench.storage.damage(address, 0);
    return { index: references.at(-1) ?? { address: 0, checksum: 0n }, messages };
  }

  test("is asked for from its index block on, and reclaimed once when all of it is written", () => {
    const bench = Bench.open();
    const { index, messages } = lost(bench);
    const [first = new Uint8Array(0), second = new Uint8Array(0), last = new Uint8Array(0)] = messages;
    expect(bench.grid.fetchTable(index)).toBe(true);
    expect(bench.grid.fetchTable(index)).toBe(false);
    expect([bench.grid.tablesMissing, requests(bench)]).toEqual([1, [index.address]]);
    expect(bench.grid.receiveBlock(first)).toBe(false);
    expect(bench.grid.receiveBlock(last)).toBe(true);
    bench.storage.run();
    expect(requests(bench).length).toBe(2);
    for (const message of [first, second]) expect(bench.grid.receiveBlock(message)).toBe(true);
    expect(bench.grid.reclaimTable()).toBeNull();
    bench.storage.run();
    expect(bench.grid.tablesMissing).toBe(1);
    expect(bench.grid.reclaimTable()).toEqual(index);
    expect([bench.grid.reclaimTable(), bench.grid.tablesMissing, bench.grid.blocksMissing]).toEqual([null, 0, 0]);
  });

  test("is set aside by the next state sync, and goes on if it is still there", () => {
    const bench = Bench.open();
    const { index } = lost(bench);
    bench.checkpoint();
    bench.grid.fetchTable(index);
    bench.grid.cancel(() => undefined);
    bench.storage.run();
    expect([bench.grid.tablesAvailable, bench.grid.blocksMissing]).toEqual([0, 0]);
    bench.open();
    bench.grid.resumeTables(({ address }) => address === index.address);
    expect([bench.grid.tablesMissing, requests(bench)]).toEqual([1, [index.address]]);
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
