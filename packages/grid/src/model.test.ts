/**
 * The grid against a model, over random operations, checkpoints, crashes that lose and tear writes, and restarts.
 *
 * The promise that counts: whenever the process dies, every block of the last checkpoint is on disk as it was, and until
 * the checkpoint is durable elsewhere, so is every block of the one before.
 */
import { propertyRuns } from "@stagbeetle/kernels/testing";
import { type BlockReference, Random } from "@stagbeetle/vsr-protocol";
import { expect, test } from "vitest";
import { GridHarness } from "../test/grid-harness.ts";

const STEPS = 120;
const BLOCKS_LIVE_MAX = 200;

interface Written extends BlockReference {
  readonly fill: number;
}

type State = ReadonlyMap<number, Written>;

class Run {
  readonly random: Random;
  harness: GridHarness;
  /** Blocks that are acquired, written and not released. */
  live = new Map<number, Written>();
  /** Those of the last checkpoint, and of the one before. */
  checkpoint: State = new Map();
  checkpointBefore: State | null = null;
  crashes = 0;
  checkpoints = 0;
  reads = 0;

  constructor(seed: number) {
    this.random = new Random(seed);
    this.harness = GridHarness.open({ replicaCount: 1, checksumsLater: seed % 2 === 0 });
    this.harness.storage.choose = (count) => this.random.index(count);
  }

  step(): void {
    const step = this.random.weighted([8, 6, 8, 3, 2, 1]);
    if (step === 0) this.create();
    else if (step === 1) this.release();
    else if (step === 2) this.read();
    else if (step === 3) this.progress();
    else if (step === 4) this.makeCheckpoint();
    else this.crash();
  }

  create(): void {
    if (this.live.size > BLOCKS_LIVE_MAX) return;
    for (const address of this.harness.acquire(1 + this.random.index(8))) {
      const fill = 1 + this.random.index(255);
      this.live.set(address, { ...this.harness.create(address, fill), fill });
    }
  }

  release(): void {
    for (const address of this.live.keys()) {
      if (!this.random.chance(1, 10)) continue;
      this.harness.grid.release([address]);
      this.live.delete(address);
    }
  }

  read(): void {
    const pick = this.#pick(this.live);
    if (pick === null) return;
    const options = { cacheRead: this.random.boolean(), cacheWrite: this.random.boolean() };
    const results = [this.harness.read(pick, options), this.harness.read(pick, { cacheRead: this.random.boolean() })];
    this.harness.storage.run();
    expect(results).toEqual([[pick.fill], [pick.fill]]);
    this.reads += 1;
  }

  progress(): void {
    for (let steps = this.random.index(10); steps > 0; steps -= 1) this.harness.storage.step();
  }

  makeCheckpoint(): void {
    this.harness.storage.run();
    if (!this.harness.grid.checkpointIsDurable) {
      this.harness.checkpointDurable();
      this.checkpointBefore = null;
      return;
    }
    this.harness.checkpoint();
    this.checkpointBefore = this.checkpoint;
    this.checkpoint = new Map(this.live);
    this.checkpoints += 1;
  }

  crash(): void {
    this.harness = this.harness.crash(() => this.random.boolean());
    this.harness.open();
    this.#verify(this.checkpoint);
    if (this.checkpointBefore !== null) this.#verify(this.checkpointBefore);
    this.live = new Map(this.checkpoint);
    const { freeSet } = this.harness.grid;
    expect(freeSet.countAcquired - freeSet.countReleased).toBe(this.live.size);
    // The log is replayed: the checkpoint becomes durable again.
    this.harness.checkpointDurable();
    this.checkpointBefore = null;
    this.crashes += 1;
  }

  #verify(state: State): void {
    for (const written of state.values()) expect(this.harness.readLocally(written)).toBe(written.fill);
  }

  #pick(state: State): Written | null {
    return state.size === 0 ? null : ([...state.values()][this.random.index(state.size)] ?? null);
  }
}

test("the last checkpoint survives every crash, and the one before until it is durable", () => {
  let [crashes, checkpoints, reads] = [0, 0, 0];
  for (let seed = 1; seed <= propertyRuns(25); seed += 1) {
    const run = new Run(seed);
    for (let steps = 0; steps < STEPS; steps += 1) run.step();
    run.crash();
    crashes += run.crashes;
    checkpoints += run.checkpoints;
    reads += run.reads;
  }
  // The run has met what it is about.
  expect(crashes).toBeGreaterThan(50);
  expect(checkpoints).toBeGreaterThan(50);
  expect(reads).toBeGreaterThan(200);
}, 120_000);

test("the same operations give the same addresses and the same disk, in whatever order the disk completes them", () => {
  const runs = [0, 1, 2].map((order) => {
    const harness = GridHarness.open({ replicaCount: 1, checksumsLater: order === 2 });
    const completions = new Random(order);
    harness.storage.choose = (count) => completions.index(count);
    const random = new Random(42);
    const live: number[] = [];
    for (let step = 0; step < 60; step += 1) {
      for (const address of harness.acquire(1 + random.index(5))) {
        harness.create(address, step + 1);
        live.push(address);
      }
      while (live.length > 20) harness.grid.release(live.splice(random.index(live.length), 1));
      for (let steps = completions.index(4); steps > 0; steps -= 1) harness.storage.step();
      if (step % 10 !== 9) continue;
      harness.storage.run();
      harness.checkpoint();
      harness.checkpointDurable();
    }
    const { checkpoint } = harness.superblock.working;
    return { checkpoint: checkpoint.buffer.slice(), disk: harness.storage.bytes(0, 100 * 4096), live };
  });
  expect(runs[1]).toEqual(runs[0]);
  expect(runs[2]).toEqual(runs[0]);
});
