/**
 * Merges: does one beat's part of one compaction (spec 05 §11).
 *
 * Compactions run one after another, and each is run to its end before the next begins. So at most one is under way at any
 * time, also between beats, and there is one compactor for the whole forest, with its blocks.
 *
 * @module
 */
import type { Reservation } from "@stagbeetle/grid";
import { assert, type Kernels, MergeStep, RunMerge } from "@stagbeetle/kernels";
import type { BlockStore } from "../block-store.ts";
import type { TableInfoView } from "../manifest/table-info.ts";
import type { Spill } from "../spill/spill.ts";
import { SpilledReader } from "../spill/spilled-reader.ts";
import { TableBuilder } from "../table/table-builder.ts";
import type { Tree } from "../tree.ts";
import type { Compaction } from "./compaction.ts";
import { divideCompactionBlocks } from "./compaction-blocks.ts";
import { TableOutputs } from "./table-outputs.ts";
import { TableReader } from "./table-reader.ts";

/** A value block and an index block must be able to go out together. */
const OUTPUTS_PER_STEP = 2;

/** What a compactor is made of. */
export interface CompactorOptions {
  readonly kernels: Kernels;
  readonly store: BlockStore;
  readonly infos: TableInfoView;
  /** How many blocks it holds at most, beside those that the store lends for sealing. */
  readonly blocksMax: number;
  /** Where memory tables keep what waits to be flushed; null if in memory. */
  readonly spill: Spill | null;
}

/** A beat under way. */
interface Beat {
  readonly compaction: Compaction;
  readonly reservation: Reservation;
  readonly callback: () => void;
}

/** The one that merges. */
export class Compactor {
  readonly #store: BlockStore;
  readonly #builder: TableBuilder;
  readonly #readerA: TableReader;
  readonly #readerB: TableReader;
  readonly #runs: RunMerge;
  /** Brings the run that is on the disk, if there is one; null if there never is. */
  readonly #spilledReader: SpilledReader | null;
  readonly #step: MergeStep;
  readonly #outputs: TableOutputs;
  /** The compaction whose positions the readers have: from its first beat of the half-bar to its last. */
  #current: Compaction | null = null;
  #runsLeft = 0;
  #beat: Beat | null = null;
  #running = false;

  constructor({ kernels, store, infos, blocksMax, spill }: CompactorOptions) {
    const { readerValueBlocks, outputs } = divideCompactionBlocks(blocksMax);
    this.#store = store;
    this.#builder = new TableBuilder(kernels, store);
    const onBlock = (): void => this.#run();
    const reader = { memory: kernels.memory, store, infos, valueBlocksMax: readerValueBlocks, onBlock };
    this.#readerA = new TableReader(reader);
    this.#readerB = new TableReader(reader);
    this.#runs = new RunMerge(kernels, "compaction");
    this.#spilledReader = spill === null ? null : new SpilledReader(spill);
    this.#step = new MergeStep(kernels, "compaction");
    this.#outputs = new TableOutputs({ store, infos, outputsMax: outputs, onRoom: () => this.#run() });
  }

  /** Consumes the compaction's quota of this beat, or a little more. The callback may run from inside the call. */
  run(compaction: Compaction, reservation: Reservation, callback: () => void): void {
    assert(this.#beat === null, "two compactions run at once");
    assert(compaction.state === "merging" && compaction.quotaLeft > 0, () => `${compaction.name}: nothing to merge`);
    if (this.#current === null) this.#begin(compaction);
    assert(this.#current === compaction, () => `${compaction.name} begins before ${this.#current?.name} has ended`);
    this.#beat = { compaction, reservation, callback };
    this.#run();
  }

  /** Waits until all tables that were built have their checksums. The callback may run from inside the call. */
  finishSeals(callback: () => void): void {
    assert(this.#current === null, "a compaction is under way");
    this.#outputs.whenSealed(callback);
  }

  /** Waits until all that was built is durable. The callback never runs from inside the call. */
  finishWrites(callback: () => void): void {
    assert(this.#current === null, "a compaction is under way");
    this.#outputs.whenWritten(callback);
  }

  /** Drops everything: what was under way was cancelled by the grid. */
  reset(): void {
    this.#readerA.reset();
    this.#readerB.reset();
    this.#builder.reset();
    this.#outputs.reset();
    this.#current = null;
    this.#beat = null;
  }

  #begin(compaction: Compaction): void {
    const { tree, rangeB } = compaction;
    assert(this.#builder.closed, () => `${compaction.name}: a table of another compaction is open`);
    this.#current = compaction;
    this.#runsLeft = 0;
    if (compaction.fromMemory) {
      this.#openRuns(tree);
      this.#runsLeft = this.#runs.input;
    } else {
      this.#readerA.open(tree.schema, [compaction.source]);
    }
    this.#readerB.open(tree.schema, rangeB.tables);
  }

  #openRuns({ values, schema, memory: { immutable } }: Tree): void {
    const { spilled } = immutable;
    if (spilled === null) {
      this.#runs.open(values, immutable.runs());
      return;
    }
    assert(this.#spilledReader !== null, () => `${schema.name}: a run is on the disk that nobody reads`);
    this.#runs.open(values, immutable.runs(), this.#spilledReader.open(spilled.pages));
  }

  /** Goes on until the beat ends or something has to arrive first. */
  #run(): void {
    // A completion inside of a step: the loop below sees what it brought.
    if (this.#running) return;
    this.#running = true;
    while (this.#beat !== null) {
      const { compaction } = this.#beat;
      if (compaction.quotas.beatDone >= compaction.quotas.beat) this.#endBeat();
      else if (this.#ready()) this.#mergeStep(this.#beat);
      else break;
    }
    this.#running = false;
  }

  #ready(): boolean {
    return this.#outputs.room >= OUTPUTS_PER_STEP && this.#readerA.ready && this.#readerB.ready;
  }

  #mergeStep({ compaction, reservation }: Beat): void {
    const { tree } = compaction;
    this.#builder.prepare(tree.schema, tree.values);
    const step = this.#step;
    const target = this.#builder.roomBegin;
    const bBegin = this.#readerB.begin;
    step.setB(bBegin, this.#readerB.end);
    step.setTarget(target, this.#builder.roomEnd);
    const { sizeBytes } = tree.schema.layout;
    const consumedA = compaction.fromMemory ? this.#mergeRuns(compaction) : this.#mergeBlocks(compaction);
    const consumed = consumedA + (step.b - bBegin) / sizeBytes;
    const produced = (step.target - target) / sizeBytes;
    assert(consumed > 0 && produced <= consumed, () => `${compaction.name}: ${produced} values of ${consumed}`);
    this.#builder.add(produced);
    compaction.droppedCount += consumed - produced;
    compaction.quotas.beatDone += consumed;
    compaction.quotas.halfBarDone += consumed;
    assert(compaction.quotaLeft >= 0, () => `${compaction.name}: ${-compaction.quotaLeft} values too many`);
    if (!this.#readerB.exhausted) this.#readerB.consume(step.b);
    this.#flush(compaction, reservation);
  }

  #mergeBlocks(compaction: Compaction): number {
    const begin = this.#readerA.begin;
    this.#step.setA(begin, this.#readerA.end);
    this.#step.mergeBlocks(compaction.tree.values, compaction.dropTombstones);
    const end = this.#step.a;
    if (!this.#readerA.exhausted) this.#readerA.consume(end);
    return (end - begin) / compaction.tree.schema.layout.sizeBytes;
  }

  #mergeRuns(compaction: Compaction): number {
    const { values, schema } = compaction.tree;
    if (this.#runsLeft === 0) {
      this.#step.setA(0, 0);
      this.#step.mergeBlocks(values, false);
      return 0;
    }
    const popsMax = Math.min(schema.valuesPerBlock, this.#runs.remaining);
    const before = this.#runs.remaining;
    this.#step.mergeRuns(values, this.#runs, compaction.dropTombstones, popsMax);
    const consumed = before - this.#runs.remaining;
    this.#runsLeft -= consumed;
    return consumed;
  }

  /** Sends off what is full, or at the end of the half-bar what there is. */
  #flush(compaction: Compaction, reservation: Reservation): void {
    const done = compaction.quotaLeft === 0;
    const acquire = (): number => this.#store.acquire(reservation);
    if (this.#builder.valueBlockOpen && (this.#builder.valueBlockFull || done)) {
      const built = this.#builder.finishValueBlock(acquire, compaction.snapshotMin);
      if (built !== null) this.#outputs.addValueBlock(built);
    }
    if (this.#builder.valueBlockOpen || !this.#builder.indexBlockOpen) return;
    if (!this.#builder.indexBlockFull && !done) return;
    const built = this.#builder.finishIndexBlock(acquire, compaction.snapshotMin);
    if (built !== null) this.#outputs.addIndexBlock(built.index, compaction.built(built.table));
  }

  #endBeat(): void {
    const beat = this.#beat;
    assert(beat !== null, "no beat is under way");
    this.#beat = null;
    if (beat.compaction.quotaLeft === 0) {
      assert(this.#readerA.exhausted && this.#readerB.exhausted, () => `${beat.compaction.name}: values are left`);
      assert(this.#runsLeft === 0 && this.#builder.closed, () => `${beat.compaction.name}: a table is open at the end`);
      this.#current = null;
    }
    beat.callback();
  }
}
