/**
 * The scrubber: reads every block that is in use once a cycle, to find what the disk has lost while other replicas still
 * have it (spec 04 §20.3, spec 03 §23.4).
 *
 * A tour goes through the tables (index block, then its value blocks), the manifest log and the trailers. It begins at a
 * random table, so that replicas do not read the same blocks at the same time. What it finds never changes a result.
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import { type BlockReference, BlockType, type Config, type Random, type ScrubberPort } from "@stagbeetle/vsr-protocol";
import { Block, type BlockFault } from "./block.ts";
import { IndexMetadata, indexValueBlock } from "./block-metadata.ts";
import { BlockRead } from "./block-reads.ts";
import type { CheckpointTrailer } from "./checkpoint-trailer.ts";
import type { Grid } from "./grid.ts";

/** What a tour must know of the forest: which blocks are in use beside the trailers. */
export interface ScrubbedForest {
  /** Begins a tour at a random table. */
  begin(random: Random): void;
  /** The index block of the next table that exists now, or null when the tour is back where it began. */
  nextTable(): BlockReference | null;
  /** The next block of the manifest log that is on disk, from the newest to the oldest, or null behind the last. */
  nextManifestBlock(): BlockReference | null;
}

/** What a scrubber is made of. */
export interface GridScrubberOptions {
  readonly config: Config;
  readonly grid: Grid;
  readonly forest: ScrubbedForest;
  readonly clientSessions: CheckpointTrailer;
  /** Its own generator, seeded differently on each replica. */
  readonly random: Random;
}

/** How much was found, since the start. */
export interface ScrubberCounts {
  toursFinished: number;
  blocksRead: number;
  faults: number;
}

/** Where a tour stands. `index`: at a table of which the index block is to be read; `values`: behind it. */
type Tour =
  | { readonly stage: "tables" }
  | { readonly stage: "index"; readonly index: BlockReference }
  | { readonly stage: "values"; readonly index: Block; readonly next: number }
  | { readonly stage: "manifest" }
  | { readonly stage: "trailers"; readonly blocks: readonly BlockReference[]; readonly next: number };

/** A block to be read. */
interface Target {
  readonly reference: BlockReference;
  /** Whether the tour waits for it: the index block of its table. */
  readonly index: boolean;
}

/** One read of the scrubber. */
class ScrubRead {
  readonly read: BlockRead;
  target: Target | null = null;
  fault: BlockFault | null = null;
  /** `dropped`: the block became free, so whatever is read says nothing. */
  state: "idle" | "reading" | "dropped" | "done" = "idle";

  constructor(onRead: (scrub: ScrubRead, result: Block | BlockFault) => void) {
    this.read = new BlockRead((_, result) => onRead(this, result));
  }

  /** Forgets what was read. */
  end(): void {
    this.state = "idle";
    this.target = null;
    this.fault = null;
  }
}

/** Scrubs one grid. {@link scrub} is to be called every {@link intervalTicks}. */
export class GridScrubber implements ScrubberPort {
  readonly counts: ScrubberCounts = { toursFinished: 0, blocksRead: 0, faults: 0 };
  readonly #config: Config;
  readonly #grid: Grid;
  readonly #forest: ScrubbedForest;
  readonly #clientSessions: CheckpointTrailer;
  readonly #random: Random;
  readonly #reads: readonly ScrubRead[];
  #tour: Tour | null = null;

  constructor({ config, grid, forest, clientSessions, random }: GridScrubberOptions) {
    this.#config = config;
    this.#grid = grid;
    this.#forest = forest;
    this.#clientSessions = clientSessions;
    this.#random = random;
    this.#reads = Array.from(
      { length: config.process.gridScrubberReadsMax },
      () => new ScrubRead((scrub, result) => this.#onRead(scrub, result)),
    );
    grid.onFreeing(() => this.#onFreeing());
  }

  /** When to scrub next, in ticks: so often that a cycle takes the configured time, within bounds. */
  get intervalTicks(): number {
    const { gridScrubberCycleTicks, gridScrubberReadsMax, gridScrubberIntervalMinTicks, gridScrubberIntervalMaxTicks } =
      this.#config.process;
    const perBlock = Math.floor(gridScrubberCycleTicks / Math.max(1, this.#grid.freeSet.countAcquired));
    return Math.min(
      gridScrubberIntervalMaxTicks,
      Math.max(gridScrubberIntervalMinTicks, perBlock * gridScrubberReadsMax),
    );
  }

  /** Takes the reads that are done, reports what is damaged, and begins new reads. Only while the forest is open. */
  scrub(): void {
    assert(
      this.#grid.state === "open" || this.#grid.state === "checkpointing",
      () => `the grid is ${this.#grid.state}`,
    );
    for (const scrub of this.#reads) {
      if (this.#grid.missing.blocksAvailable === 0) return;
      if (scrub.state === "done") this.#collect(scrub);
    }
    // The trailers change during a checkpoint.
    if (this.#grid.state === "checkpointing") return;
    for (const scrub of this.#reads) if (scrub.state === "idle" && !this.#start(scrub)) return;
  }

  /** Forgets the tour and all reads: the grid was cancelled. */
  cancel(): void {
    this.#endTour();
    for (const scrub of this.#reads) {
      assert(scrub.read.state === "idle", "the grid has dropped all reads");
      scrub.end();
    }
  }

  /** One line for people. */
  describe(): string {
    const { toursFinished, blocksRead, faults } = this.counts;
    return `${this.#tour?.stage ?? "idle"} tours=${toursFinished} blocks=${blocksRead} faults=${faults}`;
  }

  #collect(scrub: ScrubRead): void {
    const { target, fault } = scrub;
    assert(target !== null, "a read that is done had a target");
    scrub.end();
    this.counts.blocksRead += 1;
    if (fault === null) return;
    this.counts.faults += 1;
    const repaired = this.#grid.reportDamaged(target.reference, fault);
    // Where nobody can repair the index block, the tour goes on without the table.
    if (target.index && !repaired && this.#tour?.stage === "index") this.#tour = { stage: "tables" };
  }

  /** Begins the read of the tour's next block. False if there is none to be read now. */
  #start(scrub: ScrubRead): boolean {
    if (this.#tour === null) this.#beginTour();
    const target = this.#next();
    if (target === null) return false;
    scrub.target = target;
    scrub.state = "reading";
    this.#grid.readBlock(scrub.read, {
      ...target.reference,
      source: "localStorage",
      cacheRead: false,
      cacheWrite: false,
    });
    return true;
  }

  #onRead(scrub: ScrubRead, result: Block | BlockFault): void {
    if (scrub.state === "dropped") return scrub.end();
    assert(scrub.state === "reading" && scrub.target !== null, () => `a scrub read ends while ${scrub.state}`);
    scrub.state = "done";
    scrub.fault = result instanceof Block ? null : result;
    // A table whose index block is bad is tried again until the block is repaired.
    if (!scrub.target.index || !(result instanceof Block)) return;
    assert(result.header.blockType === BlockType.index, () => `block ${result.header.address} is not an index`);
    this.#tour = { stage: "values", index: result.retain(), next: 0 };
  }

  #beginTour(): void {
    this.#forest.begin(this.#random);
    this.#tour = { stage: "tables" };
  }

  #endTour(): void {
    if (this.#tour?.stage === "values") this.#tour.index.release();
    this.#tour = null;
  }

  /** The next block of the tour, or null: the tour waits for an index block, or is at its end. */
  #next(): Target | null {
    for (;;) {
      const tour = this.#tour;
      if (tour === null) return null;
      switch (tour.stage) {
        case "tables": {
          const index = this.#forest.nextTable();
          this.#tour = index === null ? { stage: "manifest" } : { stage: "index", index };
          break;
        }
        case "index":
          return this.#reads.some(({ target }) => target?.index === true)
            ? null
            : { reference: tour.index, index: true };
        case "values": {
          if (tour.next < tour.index.metadata(IndexMetadata).valueBlockCount) {
            this.#tour = { ...tour, next: tour.next + 1 };
            return { reference: indexValueBlock(tour.index.header, tour.next), index: false };
          }
          tour.index.release();
          this.#tour = { stage: "tables" };
          break;
        }
        case "manifest": {
          const reference = this.#forest.nextManifestBlock();
          if (reference !== null) return { reference, index: false };
          // They are being written.
          if (this.#clientSessions.busy) return null;
          const blocks = [...this.#grid.freeSetTrailerBlocks(), ...this.#clientSessions.blocks()];
          this.#tour = { stage: "trailers", blocks, next: 0 };
          break;
        }
        case "trailers": {
          const reference = tour.blocks[tour.next];
          if (reference !== undefined) {
            this.#tour = { ...tour, next: tour.next + 1 };
            return { reference, index: false };
          }
          this.counts.toursFinished += 1;
          this.#tour = null;
          return null;
        }
      }
    }
  }

  /** Blocks are about to be used for something else: what the tour knows of them no longer holds. */
  #onFreeing(): void {
    const { freeSet } = this.#grid;
    for (const scrub of this.#reads) {
      if (scrub.target === null || !freeSet.toBeFreed(scrub.target.reference.address)) continue;
      if (scrub.state === "done") scrub.end();
      else scrub.state = "dropped";
    }
    const tour = this.#tour;
    if (tour?.stage === "index" && freeSet.toBeFreed(tour.index.address)) this.#tour = { stage: "tables" };
    if (tour?.stage === "values" && freeSet.toBeFreed(tour.index.header.address)) {
      tour.index.release();
      this.#tour = { stage: "tables" };
    }
    if (tour?.stage === "trailers") {
      const rest = tour.blocks.slice(tour.next);
      this.#tour = { stage: "trailers", blocks: rest.filter(({ address }) => !freeSet.toBeFreed(address)), next: 0 };
    }
  }
}
