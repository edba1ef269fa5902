/**
 * The port to the forest on the real one: grooves in grid blocks.
 *
 * The two declare the same grooves, objects and lookups, each for itself. Only scans are opaque here and are not there.
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import {
  type Groove as LsmGroove,
  type GrooveForest,
  type Scans as LsmScans,
  type TimestampScan,
} from "@stagbeetle/lsm";
import type {
  Direction,
  Forest,
  ForestMemory,
  Groove,
  Scan,
  ScanEnd,
  ScanRead,
  Scans,
  TimestampRange,
} from "../forest.ts";

/** Scans of the forest below, as the port's opaque ones. */
function opaque(scan: TimestampScan): Scan {
  return scan as unknown as Scan;
}

function transparent(scan: Scan): TimestampScan {
  return scan as unknown as TimestampScan;
}

/** A groove that the port handed out is one of the forest's. */
function lsmGrooveOf(forest: GrooveForest, groove: Groove): LsmGroove {
  const found = forest.groove(groove.declaration.name);
  assert(found === groove, () => `${groove.declaration.name} is a groove of another forest`);
  return found;
}

class LsmForestScans implements Scans {
  readonly #forest: GrooveForest;
  readonly #scans: LsmScans;

  constructor(forest: GrooveForest) {
    this.#forest = forest;
    this.#scans = forest.scans;
  }

  prefix(
    groove: Groove,
    index: number,
    values: Uint32Array,
    at: number,
    range: TimestampRange,
    direction: Direction,
  ): Scan {
    return opaque(this.#scans.prefix(lsmGrooveOf(this.#forest, groove), index, values, at, range, direction));
  }

  objects(groove: Groove, range: TimestampRange, direction: Direction): Scan {
    return opaque(this.#scans.objects(lsmGrooveOf(this.#forest, groove), range, direction));
  }

  entries(groove: Groove, index: number): Scan {
    return opaque(this.#scans.entries(lsmGrooveOf(this.#forest, groove), index));
  }

  union(operands: readonly Scan[]): Scan {
    return opaque(this.#scans.union(operands.map(transparent)));
  }

  intersection(operands: readonly Scan[]): Scan {
    return opaque(this.#scans.intersection(operands.map(transparent)));
  }

  read(scan: Scan, into: ScanRead, callback: (count: number, end: ScanEnd) => void): void {
    this.#scans.read(transparent(scan), { ...into, groove: lsmGrooveOf(this.#forest, into.groove) }, callback);
  }

  release(): void {
    this.#scans.release();
  }
}

/** A forest whose objects live in a data file. Made with the grooves that the state machine declares. */
export class LsmForest implements Forest {
  readonly memory: ForestMemory;
  readonly scans: Scans;
  readonly checkpoints: boolean = true;
  readonly #forest: GrooveForest;

  constructor(forest: GrooveForest) {
    this.memory = forest.memory;
    this.scans = new LsmForestScans(forest);
    this.#forest = forest;
  }

  groove(name: string): Groove {
    return this.#forest.groove(name);
  }

  open(callback: () => void): void {
    this.#forest.open(callback);
  }

  prefetchBegin(snapshot: number): void {
    this.#forest.prefetchBegin(snapshot);
  }

  compact(op: number, callback: () => void): void {
    this.#forest.compact(op, callback);
  }

  checkpoint(callback: () => void): void {
    this.#forest.checkpoint(callback);
  }

  reset(): void {
    this.#forest.reset();
  }
}
