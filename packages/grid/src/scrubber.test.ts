import { testMemory } from "@stagbeetle/kernels/testing";
import {
  type BlockReference,
  BlockType,
  clientSessionsEncodeSize,
  PRODUCTION,
  Random,
  TEST_MIN,
} from "@stagbeetle/vsr-protocol";
import { describe, expect, test } from "vitest";
import { GridHarness, type GridHarnessOptions } from "../test/grid-harness.ts";
import { CheckpointTrailer } from "./checkpoint-trailer.ts";
import { GridScrubber, type ScrubbedForest } from "./scrubber.ts";

/** A forest that is a list of tables and of manifest blocks. */
class TestForest implements ScrubbedForest {
  tables: BlockReference[] = [];
  manifest: BlockReference[] = [];
  #tablesLeft: BlockReference[] = [];
  #manifestLeft: BlockReference[] = [];

  begin(random: Random): void {
    const start = this.tables.length === 0 ? 0 : random.index(this.tables.length);
    this.#tablesLeft = [...this.tables.slice(start), ...this.tables.slice(0, start)];
    this.#manifestLeft = [...this.manifest];
  }

  nextTable(): BlockReference | null {
    return this.#tablesLeft.shift() ?? null;
  }

  nextManifestBlock(): BlockReference | null {
    return this.#manifestLeft.shift() ?? null;
  }
}

class ScrubHarness {
  readonly harness: GridHarness;
  readonly forest = new TestForest();
  readonly clientSessions: CheckpointTrailer;
  readonly scrubber: GridScrubber;

  constructor(options: GridHarnessOptions = {}) {
    const harness = GridHarness.open(options);
    this.harness = harness;
    this.clientSessions = new CheckpointTrailer({
      config: harness.config,
      memory: testMemory(4096),
      checksums: harness.checksums,
      grid: harness.grid,
      blockType: BlockType.clientSessions,
      sizeMax: clientSessionsEncodeSize(harness.config),
      label: "client sessions trailer",
    });
    this.scrubber = new GridScrubber({
      config: harness.config,
      grid: harness.grid,
      forest: this.forest,
      clientSessions: this.clientSessions,
      random: new Random(1),
    });
  }

  /** Writes a checkpoint with its client sessions, durable everywhere. */
  checkpoint(): void {
    const { harness, clientSessions } = this;
    clientSessions.checkpoint(clientSessionsEncodeSize(harness.config), () => undefined);
    harness.storage.run();
    harness.checkpoint();
    harness.grid.release(clientSessions.addresses);
    harness.checkpointDurable();
  }

  /** Scrubs until the tour is finished; which addresses were read. */
  tour(): number[] {
    const { harness, scrubber } = this;
    const { toursFinished } = scrubber.counts;
    const before = harness.log.length;
    for (let intervals = 0; scrubber.counts.toursFinished === toursFinished; intervals += 1) {
      if (intervals > 100) throw new Error(`the tour does not end: ${scrubber.describe()}`);
      scrubber.scrub();
      harness.storage.run();
    }
    return harness.log.slice(before).map((line) => Number(line.replace("read ", "")));
  }
}

describe("a tour of the scrubber", () => {
  test("reads every block that is in use, once", () => {
    const scrub = new ScrubHarness();
    const tables = [scrub.harness.table(3), scrub.harness.table(1), scrub.harness.table(2)];
    scrub.forest.tables = tables.map((table) => table.at(-1) ?? { address: 0, checksum: 0n });
    scrub.forest.manifest = [scrub.harness.written(9)];
    scrub.checkpoint();
    const { freeSet } = scrub.harness.grid;
    for (let tours = 0; tours < 3; tours += 1) {
      expect(scrub.tour().toSorted((a, b) => a - b)).toEqual([...freeSet.addressesAcquired()]);
    }
    expect(scrub.scrubber.counts.faults).toBe(0);
  });

  test("gives back the blocks that it holds", () => {
    const scrub = new ScrubHarness();
    scrub.forest.tables = scrub.harness.table(3).slice(-1);
    const available = scrub.harness.grid.blocks.available;
    scrub.tour();
    expect(scrub.harness.grid.blocks.available).toBe(available);
    scrub.scrubber.scrub();
    scrub.harness.storage.run();
    scrub.harness.grid.cancel(() => scrub.scrubber.cancel());
    scrub.harness.storage.run();
    expect(scrub.harness.grid.blocks.available).toBe(available);
  });

  test("finds what is damaged and asks for it", () => {
    const scrub = new ScrubHarness();
    const [first, , index] = scrub.harness.table(2);
    if (first === undefined || index === undefined) throw new Error("a table has blocks");
    scrub.forest.tables = [index];
    scrub.harness.storage.damage(first.address, 300);
    scrub.tour();
    scrub.scrubber.scrub();
    expect(scrub.harness.grid.missing.blockWaiting(first)).toBe(true);
    expect(scrub.scrubber.counts.faults).toBe(1);
  });

  test("stays at a table with a damaged index block until it is repaired", () => {
    const scrub = new ScrubHarness();
    const references = scrub.harness.table(2);
    const index = references.at(-1) ?? { address: 0, checksum: 0n };
    const bytes = scrub.harness.storage.bytes((index.address - 1) * 4096, 4096);
    scrub.forest.tables = [index];
    scrub.harness.storage.damage(index.address, 300);
    for (let intervals = 0; intervals < 5; intervals += 1) {
      scrub.scrubber.scrub();
      scrub.harness.storage.run();
    }
    expect(new Set(scrub.harness.log.slice(-3))).toEqual(new Set([`read ${index.address}`]));
    expect(scrub.harness.grid.receiveBlock(bytes)).toBe(true);
    scrub.harness.storage.run();
    expect(scrub.tour()).toEqual(expect.arrayContaining(references.slice(0, 2).map(({ address }) => address)));
  });

  test("of a single replica goes on, because nobody can repair the block", () => {
    const scrub = new ScrubHarness({ replicaCount: 1 });
    const tables = [scrub.harness.table(1), scrub.harness.table(1)];
    scrub.forest.tables = tables.map((table) => table.at(-1) ?? { address: 0, checksum: 0n });
    for (const { address } of scrub.forest.tables) scrub.harness.storage.damage(address, 300);
    scrub.tour();
    expect(scrub.scrubber.counts.faults).toBe(2);
    expect(scrub.harness.grid.missing.count).toBe(0);
  });

  test("ignores blocks that become free meanwhile, and does not follow their table", () => {
    const scrub = new ScrubHarness();
    const references = scrub.harness.table(3);
    scrub.forest.tables = references.slice(-1);
    scrub.scrubber.scrub();
    scrub.harness.storage.run();
    scrub.scrubber.scrub();
    scrub.forest.tables = [];
    scrub.harness.grid.release(references.map(({ address }) => address));
    scrub.harness.checkpoint();
    scrub.harness.checkpointDurable();
    // The addresses are used for something else now.
    for (const address of scrub.harness.acquire(4)) scrub.harness.create(address, 99);
    scrub.harness.storage.run();
    scrub.tour();
    scrub.tour();
    expect(scrub.scrubber.counts.faults).toBe(0);
  });

  test.each(["done", "under way"])("ignores what a read that was %s when its block became free has found", (state) => {
    const scrub = new ScrubHarness();
    const { harness, scrubber } = scrub;
    const damaged = harness.written(1);
    harness.storage.damage(damaged.address, 300);
    scrub.forest.manifest = [damaged];
    scrubber.scrub();
    // The newest request first: the read of the scrubber waits.
    harness.storage.choose = (count) => count - 1;
    harness.storage.step();
    if (state === "done") harness.storage.run();
    scrub.forest.manifest = [];
    harness.grid.release([damaged.address]);
    const told: string[] = [];
    const until = (line: string): void => {
      while (!told.includes(line)) harness.storage.step();
    };
    harness.grid.checkpoint(() => told.push("written"));
    until("written");
    harness.superblock.install(harness.grid);
    harness.grid.markCheckpointNotDurable();
    harness.grid.checkpointDurable(() => told.push("durable"));
    until("durable");
    expect(harness.grid.freeSet.isFree(damaged.address)).toBe(true);
    expect(harness.storage.pendingCount).toBe(state === "done" ? 0 : 1);
    scrub.tour();
    expect([scrubber.counts.faults, harness.grid.missing.count]).toEqual([0, 0]);
  });

  test("has a pace that follows from the blocks in use, within bounds", () => {
    const scrub = new ScrubHarness();
    const { process } = TEST_MIN;
    expect(scrub.scrubber.intervalTicks).toBe(process.gridScrubberIntervalMaxTicks);
    scrub.harness.acquire(4000);
    const perBlock = Math.floor(process.gridScrubberCycleTicks / 4000);
    expect(scrub.scrubber.intervalTicks).toBe(perBlock * process.gridScrubberReadsMax);
    expect([PRODUCTION.process.gridScrubberIntervalMinTicks, process.gridScrubberIntervalMinTicks]).toEqual([5, 5]);
  });
});
