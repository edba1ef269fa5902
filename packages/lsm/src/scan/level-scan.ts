/**
 * The values of one level within a range, a value block at a time (spec 05 §17.1).
 *
 * What is left to read is a range of keys. It shrinks from one side as blocks are entered, and when a probe skips ahead; where
 * the next block is follows from it.
 *
 * ```text
 *   table ─▶ index block ─▶ value block ─▶ (consumed) ─┐
 *     ▲            ▲────────────────────────────────────┤
 *     └─────────────────────────────────────────────────┘
 * ```
 *
 * @module
 */
import { type Block, BlockRead } from "@stagbeetle/grid";
import { assert, keySlotSizeBytes, type Pointer } from "@stagbeetle/kernels";
import type { BlockReference } from "@stagbeetle/vsr-protocol";
import type { LevelTables, ReadableTree, ReadContext } from "../block-reader.ts";
import { compareKeys, copyKey, type KeyPointer } from "../key.ts";
import { decrementKey, incrementKey } from "../key-arithmetic.ts";
import {
  firstValueBlockFrom,
  keyMaxOf,
  keyMinOf,
  lastValueBlockTo,
  NO_VALUE_BLOCK,
  padKey,
} from "../lookup/index-search.ts";
import { valueBlockReference } from "../table/index-block.ts";
import { valueCountOf, valuesBegin } from "../table/value-block.ts";
import { ValueSpan } from "./source.ts";
import type { Direction } from "./timestamp-scan.ts";

/** Blocks that a level of a scan holds at most: an index block and a value block. */
export const LEVEL_SCAN_BLOCKS_MAX = 2;

const KEY_LANE_MAX = 0xffff_ffff;

/** What a level wants next; `values`: nothing, it has values; `exhausted`: nothing, there are no more. */
type Stage = "table" | "index" | "search" | "block" | "values" | "exhausted";

/** One level of one scan at a time, again and again. */
export class LevelScan {
  /** The values that are at hand. */
  readonly span: ValueSpan = new ValueSpan();
  readonly #context: ReadContext;
  readonly #onReady: () => void;
  readonly #read: BlockRead;
  /** The keys that have still to be entered. */
  readonly #min: KeyPointer;
  readonly #max: KeyPointer;
  /** The keys of the value block that is entered. */
  readonly #blockMin: KeyPointer;
  readonly #blockMax: KeyPointer;
  #tree: ReadableTree | null = null;
  #level: LevelTables | null = null;
  #direction: Direction = "ascending";
  #stage: Stage = "exhausted";
  #table: Pointer = 0;
  #index: Block | null = null;
  #valueBlock: Block | null = null;
  #wanted: BlockReference = { address: 0, checksum: 0n };

  /** @param onReady runs when a {@link read} has led to values, or to the end. */
  constructor(context: ReadContext, onReady: () => void) {
    this.#context = context;
    this.#onReady = onReady;
    this.#read = new BlockRead((_, block) => this.#onBlock(block as Block));
    this.#min = context.memory.allocate(4 * keySlotSizeBytes, 16, "scans");
    this.#max = this.#min + keySlotSizeBytes;
    this.#blockMin = this.#max + keySlotSizeBytes;
    this.#blockMax = this.#blockMin + keySlotSizeBytes;
  }

  /** Begins a scan of a level from `min` to `max`. */
  open(tree: ReadableTree, level: LevelTables, min: KeyPointer, max: KeyPointer, direction: Direction): void {
    assert(this.#index === null && this.#valueBlock === null, "the level is being scanned");
    const { u32 } = this.#context.memory;
    this.#tree = tree;
    this.#level = level;
    this.#direction = direction;
    copyKey(u32, this.#min, min);
    copyKey(u32, this.#max, max);
    this.#stage = "table";
    this.span.clear();
  }

  /** Whether values are at hand or there are none; brings them to hand if memory has their blocks. If not, {@link read}. */
  prepare(): boolean {
    if (this.#stage === "exhausted") return true;
    if (this.#stage === "values") {
      if (!this.span.empty) return true;
      this.#leaveValueBlock();
    }
    return this.#advance();
  }

  /** Whether there are no more values. Only after {@link prepare}. */
  get exhausted(): boolean {
    return this.#stage === "exhausted";
  }

  /** Reads the blocks that lead to the next values. */
  read(): void {
    assert(this.#stage === "index" || this.#stage === "block", () => `a level is read while ${this.#stage}`);
    this.#context.store.readBlock(this.#read, this.#wanted);
  }

  /** Skips to `key` in the direction; it is not behind what was yielded last. */
  probe(key: KeyPointer): void {
    const { u32 } = this.#context.memory;
    const ascending = this.#direction === "ascending";
    assert(this.#read.state === "idle", "a level skips ahead while it is read");
    if (ascending && compareKeys(u32, key, this.#min) > 0) copyKey(u32, this.#min, key);
    if (!ascending && compareKeys(u32, key, this.#max) < 0) copyKey(u32, this.#max, key);
    if (this.#stage === "values") this.span.probe(this.#treeOpen(), key, this.#direction);
    // What was wanted may be among what is skipped: it is looked for anew.
    else if (this.#stage === "block") this.#stage = "search";
    else if (this.#stage === "index") this.#stage = "table";
  }

  /** Gives its blocks back. */
  close(): void {
    assert(this.#read.state === "idle", "a level is closed while it is read");
    this.#leaveValueBlock();
    this.#leaveTable();
    this.#stage = "exhausted";
  }

  /** Goes on until there are values, or none any more. False if a block has to be read. */
  #advance(): boolean {
    for (;;) {
      switch (this.#stage) {
        case "values":
        case "exhausted":
          return true;
        case "table":
          this.#findTable();
          break;
        case "search":
          this.#findValueBlock();
          break;
        case "index":
        case "block": {
          const block = this.#context.store.readBlockFromMemory(this.#wanted);
          if (block === null) return false;
          this.#enter(block);
          break;
        }
      }
    }
  }

  #findTable(): void {
    const { infos, memory } = this.#context;
    assert(this.#level !== null, "the level is open");
    const left = compareKeys(memory.u32, this.#min, this.#max) <= 0;
    this.#table = left ? this.#level.edge(this.#min, this.#max, this.#direction) : 0;
    if (this.#table === 0) {
      this.#stage = "exhausted";
      return;
    }
    this.#wanted = { address: infos.address(this.#table), checksum: infos.checksum(this.#table) };
    this.#stage = "index";
  }

  #findValueBlock(): void {
    const tree = this.#treeOpen();
    const index = this.#index;
    assert(index !== null, "the index block is here");
    const { memory } = this.#context;
    if (compareKeys(memory.u32, this.#min, this.#max) > 0) {
      this.#exhaust();
      return;
    }
    const ascending = this.#direction === "ascending";
    const found = ascending ? firstValueBlockFrom(tree, index, this.#min) : lastValueBlockTo(tree, index, this.#max);
    if (found === NO_VALUE_BLOCK) {
      // The table is behind: the keys that are left begin after it.
      this.#leaveTable();
      this.#stage = "table";
      return;
    }
    padKey(memory, tree.schema, this.#blockMin, keyMinOf(tree.schema, index, found));
    padKey(memory, tree.schema, this.#blockMax, keyMaxOf(tree.schema, index, found));
    const within = ascending
      ? compareKeys(memory.u32, this.#blockMin, this.#max) <= 0
      : compareKeys(memory.u32, this.#blockMax, this.#min) >= 0;
    if (!within) {
      this.#exhaust();
      return;
    }
    this.#wanted = valueBlockReference(memory, index, tree.schema, found);
    this.#stage = "block";
  }

  #exhaust(): void {
    this.#leaveTable();
    this.#stage = "exhausted";
  }

  #enter(block: Block): void {
    const tree = this.#treeOpen();
    if (this.#stage === "index") {
      this.#index = block.retain();
      this.#stage = "search";
      return;
    }
    this.#valueBlock = block.retain();
    this.span.set(tree, valuesBegin(block), valueCountOf(block, tree.schema), this.#min, this.#max);
    this.#shrink();
    if (this.span.empty) this.#leaveValueBlock();
    else this.#stage = "values";
  }

  /** The keys of the value block need not be entered again. */
  #shrink(): void {
    const { u32 } = this.#context.memory;
    const ascending = this.#direction === "ascending";
    copyKey(u32, ascending ? this.#min : this.#max, ascending ? this.#blockMax : this.#blockMin);
    if (ascending ? incrementKey(u32, this.#min) : decrementKey(u32, this.#max)) return;
    // There is no key beyond: an empty range.
    u32.fill(KEY_LANE_MAX, this.#min >>> 2, this.#max >>> 2);
    u32.fill(0, this.#max >>> 2, this.#blockMin >>> 2);
  }

  /** The entered block is consumed; the next one is looked for in the same table. */
  #leaveValueBlock(): void {
    this.#valueBlock?.release();
    this.#valueBlock = null;
    this.span.clear();
    this.#stage = "search";
  }

  #leaveTable(): void {
    this.#index?.release();
    this.#index = null;
  }

  #onBlock(block: Block): void {
    this.#enter(block);
    if (this.#advance()) this.#onReady();
    else this.read();
  }

  #treeOpen(): ReadableTree {
    assert(this.#tree !== null, "the level is not being scanned");
    return this.#tree;
  }
}
