/**
 * One chain of entries out of any number of files (spec 06 §2.10).
 *
 * ```text
 *   scanning: every input, whatever it holds ──▶ writing: from parent to child ──▶ done
 *      ▲                                                     │
 *      └────── the log has more ops than the index ──────────┘
 * ```
 *
 * A committed prepare is the same on every replica, so an op names its entry; the parent's checksum proves that it follows the
 * one before it. The index is of a fixed number of ops: a longer log is merged in several passes over the inputs.
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import type { Config, PrepareHeader } from "@stagbeetle/vsr-protocol";
import { EntryReader } from "./entry-reader.ts";
import type { AppendFile, ReadableFile } from "./file.ts";
import { type AOFFault, Iterator } from "./iterator.ts";
import { type EntryInfo, OpIndex } from "./op-index.ts";
import { type OpRange, OpRanges } from "./op-ranges.ts";

/** How many ops are indexed at once unless said otherwise: 48 MiB, and one pass for most logs. */
const OPS_INDEXED_MAX = 2 ** 20;

/** What was found out about the inputs. Places name an input by its index. */
export type MergeEvent =
  /** The first entry of all: the output begins with the child of this checksum. */
  | { readonly kind: "root"; readonly input: number; readonly checksum: bigint; readonly op: number }
  /** Bytes that are no entry, and how many until the next one. */
  | {
      readonly kind: "damaged";
      readonly input: number;
      readonly fault: AOFFault;
      readonly offset: number;
      readonly sizeBytes: number;
      /** Whether nothing follows in this input. */
      readonly atEnd: boolean;
    }
  /** An input was read to its end. How many entries it had, and how many distinct ones all inputs had until now. */
  | { readonly kind: "scanned"; readonly input: number; readonly entries: number; readonly distinct: number };

/** Why the output is not everything that the inputs hold. */
export type MergeProblem =
  /** No input has these ops undamaged, but ops behind them. */
  | { readonly kind: "missing"; readonly ops: OpRange }
  /** These ops lie before the first entry of the first input, with which the output begins. */
  | { readonly kind: "before_root"; readonly ops: OpRange; readonly opRoot: number }
  /** Two different entries for one op: not the logs of one cluster, or one that lost what it had committed. */
  | { readonly kind: "forked"; readonly op: number; readonly places: readonly [EntryInfo, EntryInfo] }
  /** There is an entry for the op, and it is not the child of the one before it. */
  | { readonly kind: "broken_chain"; readonly op: number; readonly place: EntryInfo }
  /** An entry of another cluster than that of the first entry. */
  | {
      readonly kind: "foreign_cluster";
      readonly cluster: bigint;
      readonly expected: bigint;
      readonly place: EntryInfo;
    }
  /** An input is another one than when it was scanned: the entry of the op is not at its place, or (null) nowhere any more. */
  | { readonly kind: "changed"; readonly op: number; readonly place: EntryInfo | null }
  /** There are more gaps than can be kept apart. */
  | { readonly kind: "too_many_gaps"; readonly op: number; readonly place: EntryInfo };

/** What was written. Complete if there are no problems. */
export interface MergeResult {
  readonly entries: number;
  /** The first and last op that were written; 0 if none. */
  readonly opFirst: number;
  readonly opLast: number;
  /** The checksums of those two; 0 if none. */
  readonly checksumFirst: bigint;
  readonly checksumLast: bigint;
  /** How many entries the inputs had that others had, too. */
  readonly duplicates: number;
  readonly problems: readonly MergeProblem[];
}

/** How far a merge is: bytes of the inputs while scanning, entries while writing. */
export interface MergeProgress {
  readonly phase: MergeState["kind"];
  readonly done: number;
  readonly total: number;
}

/** What is merged. */
export interface MergeOptions {
  readonly config: Config;
  /** In the order in which they are read. The first entry of the first one decides where the output begins. */
  readonly inputs: readonly ReadableFile[];
  /** Empty. Not synced when the merge is done. */
  readonly output: Pick<AppendFile, "append">;
  readonly opsIndexedMax?: number;
  readonly onEvent?: (event: MergeEvent) => void;
}

type MergeState =
  | { readonly kind: "scanning"; readonly input: number; readonly iterator: Iterator }
  | { readonly kind: "writing" }
  | { readonly kind: "done" };

/** Where the output begins. */
interface Root {
  readonly op: number;
  readonly cluster: bigint;
}

/** Merges in steps of one entry, so that whoever drives it can show how far it is, or stop. */
export class Merge {
  readonly #options: MergeOptions;
  readonly #reader: EntryReader;
  readonly #index: OpIndex;
  readonly #ops = new OpRanges();
  readonly #problems: MergeProblem[] = [];
  readonly #sizeBytes: number;
  #state: MergeState;
  #firstPass = true;
  #root: Root | null = null;
  /** How many entries there are in the input being scanned, and in all of them. */
  #entriesOfInput = 0;
  #entriesRead = 0;
  /** What the next entry of the output has to be: its op and its parent. */
  #op = 0;
  #parent = 0n;
  #entries = 0;
  #checksumFirst = 0n;

  constructor(options: MergeOptions) {
    const { config, inputs, opsIndexedMax = OPS_INDEXED_MAX } = options;
    assert(inputs.length > 0, "a merge without inputs");
    this.#options = options;
    this.#reader = new EntryReader(config);
    this.#index = new OpIndex(opsIndexedMax);
    this.#sizeBytes = inputs.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    this.#state = this.#scanning(0);
  }

  get progress(): MergeProgress {
    const state = this.#state;
    if (state.kind !== "scanning") return { phase: state.kind, done: this.#entries, total: this.#ops.count };
    const before = this.#options.inputs.slice(0, state.input).reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    return { phase: state.kind, done: before + state.iterator.offset, total: this.#sizeBytes };
  }

  /** Reads or writes one entry. Returns false when all is done. */
  step(): boolean {
    const state = this.#state;
    if (state.kind === "scanning") this.#scan(state.input, state.iterator);
    else if (state.kind === "writing") this.#write();
    return this.#state.kind !== "done";
  }

  /** What came of it, once it is done. */
  get result(): MergeResult {
    assert(this.#state.kind === "done", () => `the merge is ${this.#state.kind}`);
    return {
      entries: this.#entries,
      opFirst: this.#entries === 0 ? 0 : this.#op - this.#entries,
      opLast: this.#entries === 0 ? 0 : this.#op - 1,
      checksumFirst: this.#checksumFirst,
      checksumLast: this.#entries === 0 ? 0n : this.#parent,
      duplicates: this.#entriesRead - this.#ops.count,
      problems: this.#problems,
    };
  }

  #scanning(input: number): MergeState {
    const file = this.#options.inputs[input];
    if (file === undefined) return { kind: "writing" };
    this.#entriesOfInput = 0;
    const { config } = this.#options;
    return {
      kind: "scanning",
      input,
      iterator: new Iterator({ config, file, validateChain: false, reader: this.#reader }),
    };
  }

  #scan(input: number, iterator: Iterator): void {
    const step = iterator.next();
    switch (step.kind) {
      case "entry":
        this.#found(step.entry.header, { input, offset: step.offset });
        return;
      case "fault": {
        const sizeBytes = iterator.skipFault(step.fault);
        const atEnd = iterator.offset === iterator.sizeBytes;
        this.#tell({ kind: "damaged", input, fault: step.fault, offset: step.offset, sizeBytes, atEnd });
        return;
      }
      case "end":
        this.#tell({ kind: "scanned", input, entries: this.#entriesOfInput, distinct: this.#ops.count });
        this.#state = this.#scanning(input + 1);
    }
  }

  #found(header: PrepareHeader, place: EntryInfo): void {
    const root = this.#root ?? this.#begin(header, place);
    const { op, cluster } = header;
    if (cluster !== root.cluster) {
      this.#fail({ kind: "foreign_cluster", cluster, expected: root.cluster, place });
      return;
    }
    if (this.#firstPass) {
      this.#entriesOfInput += 1;
      this.#entriesRead += 1;
      if (this.#ops.add(op) === "full") {
        this.#fail({ kind: "too_many_gaps", op, place });
        return;
      }
    }
    if (!this.#index.contains(op)) return;
    const known = this.#index.place(op);
    if (known === null) this.#index.add(header, place);
    else if (!this.#index.same(header)) this.#fail({ kind: "forked", op, places: [known, place] });
  }

  #begin({ op, parent, cluster }: PrepareHeader, { input }: EntryInfo): Root {
    this.#root = { op, cluster };
    this.#op = op;
    this.#parent = parent;
    this.#index.moveTo(op);
    this.#tell({ kind: "root", input, checksum: parent, op });
    return this.#root;
  }

  #write(): void {
    this.#firstPass = false;
    const op = this.#op;
    if (this.#ops.atOrAfter(op) !== op || this.#root === null) {
      this.#finish();
      return;
    }
    if (!this.#index.contains(op)) {
      this.#index.moveTo(op);
      this.#state = this.#scanning(0);
      return;
    }
    const place = this.#index.place(op);
    if (place === null) {
      // It was there in the first pass.
      this.#problems.push({ kind: "changed", op, place });
      this.#finish();
      return;
    }
    if (this.#index.parent(op) !== this.#parent) {
      this.#problems.push({ kind: "broken_chain", op, place });
      this.#finish();
      return;
    }
    this.#copy(op, place);
  }

  /** Reads the entry again, as carefully as before: the file may have been changed since. */
  #copy(op: number, place: EntryInfo): void {
    const file = this.#options.inputs[place.input];
    assert(file !== undefined, () => `input ${place.input} of ${this.#options.inputs.length}`);
    const entry = this.#reader.read(file, place.offset);
    if (typeof entry === "string" || !this.#index.same(entry.header)) {
      this.#problems.push({ kind: "changed", op, place });
      this.#finish();
      return;
    }
    this.#options.output.append([entry.bytes]);
    this.#parent = entry.header.checksum;
    if (this.#entries === 0) this.#checksumFirst = this.#parent;
    this.#entries += 1;
    this.#op += 1;
  }

  /** Says what the inputs hold that is not in the output, and what would be needed to have it there. */
  #finish(): void {
    this.#state = { kind: "done" };
    const root = this.#root;
    if (root === null) return;
    let expected = this.#op;
    for (const { first, last } of this.#ops.ranges) {
      if (first < root.op) {
        const ops = { first, last: Math.min(last, root.op - 1) };
        this.#problems.push({ kind: "before_root", ops, opRoot: root.op });
      }
      if (last < expected) continue;
      if (first > expected) this.#problems.push({ kind: "missing", ops: { first: expected, last: first - 1 } });
      expected = last + 1;
    }
  }

  /** Ends at once: nothing more is written. */
  #fail(problem: MergeProblem): void {
    this.#problems.push(problem);
    this.#state = { kind: "done" };
  }

  /** What is found in a later pass was told in the first. */
  #tell(event: MergeEvent): void {
    if (this.#firstPass) this.#options.onEvent?.(event);
  }
}

/** Merges from beginning to end. The output is not synced. */
export function aofMerge(options: MergeOptions): MergeResult {
  const merge = new Merge(options);
  while (merge.step());
  return merge.result;
}
