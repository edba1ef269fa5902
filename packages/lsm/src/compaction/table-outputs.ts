/**
 * Blocks of new tables on their way to the disk: they get their checksums, which another thread may compute, and are written.
 *
 * ```text
 *   idle ─▶ sealing ─▶ writing ─▶ idle     a value block, whose checksum goes into the index block
 *   idle ─▶ waiting ─▶ writing ─▶ idle     an index block, for the checksums of its value blocks
 * ```
 *
 * The order in which checksums and writes complete makes no difference to what is written.
 *
 * @module
 */
import { type Block, BlockSeal, BlockWrite } from "@stagbeetle/grid";
import { assert, type Pointer } from "@stagbeetle/kernels";
import type { BlockStore } from "../block-store.ts";
import type { TableInfoView } from "../manifest/table-info.ts";
import type { BuiltValueBlock } from "../table/table-builder.ts";
import type { TableIndex } from "../table/table-index.ts";

/** Where a block stands. `waiting`: for the checksums of other blocks. */
type TableOutputState = "idle" | "sealing" | "waiting" | "writing";

const TRANSITIONS: Readonly<Record<TableOutputState, readonly TableOutputState[]>> = {
  idle: ["sealing", "waiting"],
  sealing: ["writing", "idle"],
  waiting: ["writing", "idle"],
  writing: ["idle"],
};

/** One block on its way. Made once and used again and again. */
class TableOutput {
  readonly seal: BlockSeal;
  readonly write: BlockWrite;
  /** The table that the block belongs to. */
  index: TableIndex | null = null;
  /** The block, until it is handed to be written. */
  block: Block | null = null;
  /** Of a value block: its number in the table. */
  number = 0;
  /** Of an index block: the table info that its checksum goes into. */
  table: Pointer = 0;
  #state: TableOutputState = "idle";

  constructor(onSealed: (output: TableOutput) => void, onWritten: (output: TableOutput) => void) {
    this.seal = new BlockSeal(() => onSealed(this));
    this.write = new BlockWrite(() => onWritten(this));
  }

  get state(): TableOutputState {
    return this.#state;
  }

  transition(next: TableOutputState): void {
    assert(TRANSITIONS[this.#state].includes(next), () => `a block of a table goes from ${this.#state} to ${next}`);
    this.#state = next;
  }
}

/** What the outputs are made of. */
export interface TableOutputsOptions {
  readonly store: BlockStore;
  readonly infos: TableInfoView;
  /** How many blocks are on their way at most, beside those that the store lends for sealing. */
  readonly outputsMax: number;
  /** Runs when a block is durable and there is room for another one. */
  readonly onRoom: () => void;
}

/** All blocks of new tables on their way. */
export class TableOutputs {
  readonly #store: BlockStore;
  readonly #infos: TableInfoView;
  readonly #onRoom: () => void;
  readonly #outputs: readonly TableOutput[];
  readonly #free: TableOutput[];
  /** Index blocks that are waiting. */
  readonly #waiting: TableOutput[] = [];
  #sealingCount = 0;
  #afterSeals: (() => void) | null = null;
  #afterWrites: (() => void) | null = null;

  constructor({ store, infos, outputsMax, onRoom }: TableOutputsOptions) {
    this.#store = store;
    this.#infos = infos;
    this.#onRoom = onRoom;
    this.#outputs = Array.from(
      { length: outputsMax + store.sealsDeferredMax },
      () =>
        new TableOutput(
          (output) => this.#onSealed(output),
          (output) => this.#onWritten(output),
        ),
    );
    this.#free = [...this.#outputs];
  }

  /** How many more blocks can be taken now. */
  get room(): number {
    return this.#free.length;
  }

  /** Takes over a value block. */
  addValueBlock({ block, sizeBytes, index, number }: BuiltValueBlock): void {
    const output = this.#begin("sealing", block, index);
    output.number = number;
    this.#sealingCount += 1;
    this.#store.sealBlock(output.seal, block, sizeBytes);
  }

  /** Takes over the index block of a table, which has all its value blocks. Its checksum goes to the table info. */
  addIndexBlock(index: TableIndex, table: Pointer): void {
    const output = this.#begin("waiting", index.block, index);
    output.table = table;
    this.#waiting.push(output);
    if (index.complete) this.#finishTable(output);
  }

  /** Waits until all blocks have their checksums, and with them all tables. May run the callback from inside the call. */
  whenSealed(callback: () => void): void {
    assert(this.#afterSeals === null, "two callers wait for checksums");
    if (this.#sealingCount === 0) callback();
    else this.#afterSeals = callback;
  }

  /** Waits until all blocks are durable. The callback never runs from inside the call. */
  whenWritten(callback: () => void): void {
    assert(this.#afterWrites === null, "two callers wait for tables to be written");
    if (this.#free.length === this.#outputs.length) this.#store.nextTick(callback);
    else this.#afterWrites = callback;
  }

  /** Drops everything: what was under way was cancelled by the grid. */
  reset(): void {
    for (const output of this.#outputs) {
      output.block?.release();
      output.block = null;
      output.index = null;
      if (output.state !== "idle") output.transition("idle");
    }
    this.#free.splice(0, Infinity, ...this.#outputs);
    this.#waiting.length = 0;
    this.#sealingCount = 0;
    this.#afterSeals = null;
    this.#afterWrites = null;
  }

  #begin(state: "sealing" | "waiting", block: Block, index: TableIndex): TableOutput {
    const output = this.#free.pop();
    assert(output !== undefined, "more blocks of tables are made than there is room for");
    output.transition(state);
    output.block = block;
    output.index = index;
    return output;
  }

  #onSealed(output: TableOutput): void {
    const { block, index } = output;
    assert(block !== null && index !== null, "a block that is being sealed is held");
    index.addChecksum(output.number, block);
    this.#sealingCount -= 1;
    this.#write(output);
    const waiting = index.complete ? this.#waiting.find((other) => other.index === index) : undefined;
    if (waiting !== undefined) this.#finishTable(waiting);
    if (this.#sealingCount > 0) return;
    const callback = this.#afterSeals;
    this.#afterSeals = null;
    callback?.();
  }

  /** The checksums of all value blocks are there: the index block gets its own. */
  #finishTable(output: TableOutput): void {
    const { block, index, table } = output;
    assert(block !== null && index !== null && index.complete, "a table is finished when its checksums are there");
    this.#waiting.splice(this.#waiting.indexOf(output), 1);
    this.#store.sealBlockNow(block, index.schema.indexBlockSizeBytes);
    this.#infos.setChecksum(table, block.pointer);
    this.#write(output);
  }

  #write(output: TableOutput): void {
    const { block } = output;
    assert(block !== null, "a block that is to be written is held");
    output.transition("writing");
    output.block = null;
    output.index = null;
    this.#store.createBlock(output.write, block);
    block.release();
  }

  #onWritten(output: TableOutput): void {
    output.transition("idle");
    this.#free.push(output);
    const callback = this.#free.length === this.#outputs.length ? this.#afterWrites : null;
    if (callback === null) {
      this.#onRoom();
      return;
    }
    this.#afterWrites = null;
    callback();
  }
}
