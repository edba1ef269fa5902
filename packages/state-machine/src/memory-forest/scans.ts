/**
 * Scans over a forest in memory.
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import type {
  Direction,
  ForestMemory,
  Groove,
  Pointer,
  Scan,
  ScanEnd,
  ScanRead,
  Scans,
  TimestampRange,
} from "../forest.ts";
import { timestampValid } from "../timestamp.ts";
import {
  type Cursor,
  END,
  FilteredCursor,
  IntersectionCursor,
  ListCursor,
  lowerBound,
  SpanCursor,
  UnionCursor,
} from "./cursor.ts";
import { MemoryGroove, type NextTick } from "./groove.ts";
import type { IndexTree } from "./index-tree.ts";
import type { SortedEntries } from "./sorted-entries.ts";

/** What is behind a `Scan`. `index` is null unless a single index is scanned. */
type Built =
  | {
      readonly kind: "positions";
      readonly groove: MemoryGroove;
      readonly cursor: Cursor;
      readonly index: IndexTree | null;
    }
  | {
      readonly kind: "entries";
      readonly groove: MemoryGroove;
      readonly index: IndexTree;
      readonly sorted: SortedEntries;
      next: number;
    };

/** Builds scans and reads them. Everything is at hand, so reading is synchronous; only its callback is not. */
export class MemoryScans implements Scans {
  readonly #memory: ForestMemory;
  readonly #nextTick: NextTick;
  readonly #scansMax: number;
  readonly #built = new Map<Scan, Built>();
  readonly #value = new Uint32Array(6);
  #treeCount = 0;

  constructor(memory: ForestMemory, nextTick: NextTick, scansMax: number) {
    this.#memory = memory;
    this.#nextTick = nextTick;
    this.#scansMax = scansMax;
  }

  prefix(
    groove: Groove,
    index: number,
    values: Uint32Array,
    at: number,
    range: TimestampRange,
    direction: Direction,
  ): Scan {
    const memoryGroove = this.#own(groove);
    const tree = memoryGroove.indexes[index];
    assert(tree !== undefined, () => `${groove.declaration.name} has no index ${index}`);
    const postings = tree.postings();
    const [low, high] = this.#span(memoryGroove, range);
    const list = postings.find(values, at);
    const first = list === -1 ? 0 : postings.offset(list);
    const last = list === -1 ? 0 : first + postings.length(list);
    const cursor = new ListCursor(
      postings.pool,
      lowerBound(postings.pool, first, last, low),
      lowerBound(postings.pool, first, last, high),
      direction,
    );
    const live = new FilteredCursor(cursor, (position) => tree.isRemoved(memoryGroove.order.ordinalAt(position)));
    return this.#tree({ kind: "positions", groove: memoryGroove, cursor: live, index: tree });
  }

  objects(groove: Groove, range: TimestampRange, direction: Direction): Scan {
    const memoryGroove = this.#own(groove);
    memoryGroove.order.catchUp();
    const [low, high] = this.#span(memoryGroove, range);
    const cursor = new SpanCursor(low, high, direction);
    return this.#tree({ kind: "positions", groove: memoryGroove, cursor, index: null });
  }

  entries(groove: Groove, index: number): Scan {
    const memoryGroove = this.#own(groove);
    const tree = memoryGroove.indexes[index];
    assert(tree !== undefined, () => `${groove.declaration.name} has no index ${index}`);
    const kind = tree.declaration.kind;
    assert(kind === "u64" || kind === "u128", () => `${tree.declaration.name}: entries of a ${kind} index`);
    return this.#tree({ kind: "entries", groove: memoryGroove, index: tree, sorted: tree.sorted(), next: 0 });
  }

  union(operands: readonly Scan[]): Scan {
    const { groove, cursors, direction } = this.#operands(operands);
    return this.#add({ kind: "positions", groove, cursor: new UnionCursor(cursors, direction), index: null });
  }

  intersection(operands: readonly Scan[]): Scan {
    const { groove, cursors, direction } = this.#operands(operands);
    return this.#add({ kind: "positions", groove, cursor: new IntersectionCursor(cursors, direction), index: null });
  }

  read(scan: Scan, into: ScanRead, callback: (count: number, end: ScanEnd) => void): void {
    const built = this.#built.get(scan);
    assert(built !== undefined, "the scan was released or used up");
    const target = this.#own(into.groove);
    target.order.catchUp();
    let count = 0;
    let end: ScanEnd = "full";
    while (count < into.countMax) {
      const ordinal = currentOrdinal(built);
      const verdict = ordinal === -1 ? "stop" : this.#inspect(built, ordinal, into);
      if (verdict === "stop") {
        end = "finished";
        break;
      }
      if (verdict === "take") {
        this.#copy(built.groove, ordinal, target, into.destination + count * target.declaration.sizeBytes);
        count += 1;
      }
      advance(built);
    }
    this.#nextTick(() => callback(count, end));
  }

  release(): void {
    this.#built.clear();
    this.#treeCount = 0;
  }

  #own(groove: Groove): MemoryGroove {
    assert(groove instanceof MemoryGroove, "a groove of another forest");
    return groove;
  }

  #span(groove: MemoryGroove, range: TimestampRange): [number, number] {
    assert(timestampValid(range.min) && timestampValid(range.max), () => `range ${range.min} to ${range.max}`);
    const low = groove.order.lowerBound(range.min);
    return [low, Math.max(low, groove.order.lowerBound(range.max + 1n))];
  }

  #tree(built: Built): Scan {
    this.#treeCount += 1;
    assert(this.#treeCount <= this.#scansMax, () => `more than ${this.#scansMax} trees are scanned`);
    return this.#add(built);
  }

  #add(built: Built): Scan {
    const scan = {} as Scan;
    this.#built.set(scan, built);
    return scan;
  }

  #operands(operands: readonly Scan[]): { groove: MemoryGroove; cursors: Cursor[]; direction: Direction } {
    const cursors: Cursor[] = [];
    let groove: MemoryGroove | null = null;
    for (const operand of operands) {
      const built = this.#built.get(operand);
      assert(built?.kind === "positions", "only scans by timestamp can be merged, each once");
      assert(groove === null || groove === built.groove, "scans of different grooves are merged");
      assert(built.cursor.direction === (cursors[0] ?? built.cursor).direction, "scans of both directions are merged");
      this.#built.delete(operand);
      groove = built.groove;
      cursors.push(built.cursor);
    }
    assert(groove !== null && cursors[0] !== undefined, "nothing is merged");
    return { groove, cursors, direction: cursors[0].direction };
  }

  #inspect(built: Built, ordinal: number, into: ScanRead): "take" | "skip" | "stop" {
    if (into.inspect === undefined) return "take";
    const object = built.groove.store.pointerOf(ordinal);
    if (built.index === null) return into.inspect(this.#memory.u32, object >>> 2);
    const valueLanes = built.index.valueLanes;
    if (built.kind === "entries") built.sorted.value(built.next, this.#value, 0);
    else built.index.valueOf(object, this.#value);
    const timestampLane = built.groove.order.timestampLane(ordinal);
    this.#value[valueLanes] = this.#memory.u32[timestampLane] as number;
    this.#value[valueLanes + 1] = this.#memory.u32[timestampLane + 1] as number;
    return into.inspect(this.#value, 0);
  }

  #copy(source: MemoryGroove, ordinal: number, target: MemoryGroove, destination: Pointer): void {
    const lanes = this.#memory.u32;
    let object = ordinal;
    if (source !== target) {
      const position = target.order.find(lanes, source.order.timestampLane(ordinal));
      assert(position !== -1, () => `${target.declaration.name} has no object for a timestamp that was scanned`);
      object = target.order.ordinalAt(position);
    }
    const from = target.store.pointerOf(object) >>> 2;
    lanes.copyWithin(destination >>> 2, from, from + (target.declaration.sizeBytes >>> 2));
  }
}

/** The ordinal of the object that a scan is at, or −1 at its end. */
function currentOrdinal(built: Built): number {
  if (built.kind === "positions") {
    const position = built.cursor.current;
    return position === END ? -1 : built.groove.order.ordinalAt(position);
  }
  while (built.next < built.sorted.count && built.index.isRemoved(built.sorted.ordinal(built.next))) built.next += 1;
  return built.next < built.sorted.count ? built.sorted.ordinal(built.next) : -1;
}

function advance(built: Built): void {
  if (built.kind === "positions") built.cursor.advance();
  else built.next += 1;
}
