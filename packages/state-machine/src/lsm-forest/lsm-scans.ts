/**
 * The port's scans on those of `@stagbeetle/lsm`.
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import { Groove as LsmGroove, Scans as TreeScans, type ScansOptions, type TimestampScan } from "@stagbeetle/lsm";
import type { Direction, Groove, Scan, ScanEnd, ScanRead, Scans, TimestampRange } from "../forest.ts";
import { timestampValid } from "../timestamp.ts";

/** Nobody but this forest can look inside a {@link Scan}: here they are what they stand for. */
export class LsmScans implements Scans {
  readonly #scans: TreeScans;
  readonly #built = new Map<Scan, TimestampScan>();

  constructor(options: ScansOptions) {
    this.#scans = new TreeScans(options);
  }

  /** Begins the next op. */
  begin(snapshot: number): void {
    this.#built.clear();
    this.#scans.begin(snapshot);
  }

  prefix(
    groove: Groove,
    index: number,
    values: Uint32Array,
    at: number,
    range: TimestampRange,
    direction: Direction,
  ): Scan {
    assertRange(range);
    return this.#add(this.#scans.prefix(own(groove), index, values, at, range, direction));
  }

  objects(groove: Groove, range: TimestampRange, direction: Direction): Scan {
    assertRange(range);
    return this.#add(this.#scans.objects(own(groove), range, direction));
  }

  entries(groove: Groove, index: number): Scan {
    return this.#add(this.#scans.entries(own(groove), index));
  }

  union(operands: readonly Scan[]): Scan {
    return this.#add(this.#scans.union(operands.map((operand) => this.#of(operand))));
  }

  intersection(operands: readonly Scan[]): Scan {
    return this.#add(this.#scans.intersection(operands.map((operand) => this.#of(operand))));
  }

  read(scan: Scan, into: ScanRead, callback: (count: number, end: ScanEnd) => void): void {
    this.#scans.read(this.#of(scan), { ...into, groove: own(into.groove) }, callback);
  }

  release(): void {
    this.#built.clear();
    this.#scans.release();
  }

  /** Ends all scans after the grid has dropped all reads. */
  reset(): void {
    this.#built.clear();
    this.#scans.reset();
  }

  #add(built: TimestampScan): Scan {
    // The brand exists in types only.
    const scan = {} as Scan;
    this.#built.set(scan, built);
    return scan;
  }

  #of(scan: Scan): TimestampScan {
    const built = this.#built.get(scan);
    assert(built !== undefined, "the scan was released");
    return built;
  }
}

function own(groove: Groove): LsmGroove {
  assert(groove instanceof LsmGroove, "a groove of another forest");
  return groove;
}

function assertRange(range: TimestampRange): void {
  assert(timestampValid(range.min) && timestampValid(range.max), () => `range ${range.min} to ${range.max}`);
}
