/**
 * The entries that one index has for objects, as values of its tree (spec 05 §3.3, §3.4).
 *
 * @module
 */
import { assert, EntryKernel, type Kernels, type LinearMemory, type Pointer } from "@stagbeetle/kernels";
import type { MemoryFilter } from "../lookup/key-filter.ts";
import type { Tree } from "../tree.ts";
import type { GrooveDeclaration, IndexCondition, IndexDeclaration, IndexKind } from "./declaration.ts";

const ENTRY_SIZES = { unique: 32, u64: 16, u128: 32, void: 8 } as const;
const FIELD_LANES: Readonly<Record<IndexKind, number>> = { unique: 4, u64: 2, u128: 4, void: 0 };

/** The bit of a timestamp's upper lane that marks a tombstone. */
const TOMBSTONE_LANE = 0x8000_0000;

/** Derives entries and puts them into one index tree. */
export class IndexEntries {
  readonly declaration: IndexDeclaration;
  readonly tree: Tree;
  /** Lanes of an object that decide about its entry. */
  readonly lanes: readonly number[];
  readonly #groove: GrooveDeclaration;
  readonly #memory: LinearMemory;
  /** Derives entries from a field. */
  readonly #fields: EntryKernel | null;
  readonly #fieldLanes: number;
  readonly #old: Uint32Array = new Uint32Array(4);
  readonly #new: Uint32Array = new Uint32Array(4);
  #filter: MemoryFilter | null = null;

  constructor(groove: GrooveDeclaration, declaration: IndexDeclaration, tree: Tree, kernels: Kernels) {
    this.declaration = declaration;
    this.tree = tree;
    this.lanes = lanesOf(declaration);
    this.#groove = groove;
    this.#memory = kernels.memory;
    this.#fields = fieldKernel(groove, declaration, kernels);
    this.#fieldLanes = FIELD_LANES[declaration.kind];
  }

  /** Has the keys of a unique index noted as they are put. */
  setFilter(filter: MemoryFilter): void {
    assert(this.declaration.kind === "unique" && this.#filter === null, () => `${this.tree.schema.name}: a filter`);
    this.#filter = filter;
  }

  /** Adds the entries of `count` new objects that follow each other, of those that have one. */
  insert(objects: Pointer, count: number): void {
    if (this.#fields !== null) this.#insertFields(this.#fields, objects, count);
    else if (this.declaration.source.from === "derived") this.#insertDerived(objects, count);
  }

  /** Moves the entry of an object that changes: a tombstone for the old one, then the new one. */
  update(object: Pointer, replacement: Pointer, timestamp: number): void {
    const { source } = this.declaration;
    if (source.from === "hand") return;
    const had = this.#derive(object, this.#old);
    const has = this.#derive(replacement, this.#new);
    if (had === has && (!had || this.#equal())) return;
    assert(this.declaration.kind !== "unique", () => `${this.tree.schema.name}: a unique key changes`);
    if (had) this.#put(this.#old, timestamp, true);
    if (has) this.#put(this.#new, timestamp, false);
  }

  /** Removes the entry that the object has. */
  remove(object: Pointer, timestamp: number): boolean {
    if (this.declaration.source.from === "hand" || !this.#derive(object, this.#old)) return false;
    this.#put(this.#old, timestamp, true);
    return true;
  }

  /** Adds an entry by hand: the lanes of its field at `lanes[at]`, its timestamp at `lanes[timestamp]`. */
  put(lanes: Uint32Array, at: number, timestamp: number): void {
    for (let lane = 0; lane < this.#fieldLanes; lane += 1) this.#new[lane] = lanes[at + lane] as number;
    this.#put(this.#new, timestamp, false);
  }

  /** How many more entries there is room for. */
  get room(): number {
    const { writable } = this.tree.memory;
    return (writable.roomEnd - writable.valuesEnd) / this.tree.schema.layout.sizeBytes;
  }

  /** A kernel wrote entries behind the last one, up to `end`. */
  wroteTo(end: Pointer): void {
    const { writable } = this.tree.memory;
    const count = (end - writable.valuesEnd) / this.tree.schema.layout.sizeBytes;
    assert(Number.isInteger(count) && count >= 0, () => `${this.tree.schema.name}: entries up to ${end}`);
    if (count > 0) writable.put(count);
  }

  /** Burns a unique key: an entry without a timestamp. */
  putOrphan(lanes: Uint32Array, at: number): void {
    assert(this.declaration.kind === "unique", () => `${this.tree.schema.name}: only unique keys are burnt`);
    const { writable } = this.tree.memory;
    const value = writable.slot();
    const { u32 } = this.#memory;
    const target = value >>> 2;
    for (let lane = 0; lane < 4; lane += 1) u32[target + lane] = lanes[at + lane] as number;
    u32.fill(0, target + 4, target + 8);
    writable.put();
    this.#noteKeys(value, 1);
  }

  #insertFields(fields: EntryKernel, objects: Pointer, count: number): void {
    const { writable } = this.tree.memory;
    const begin = writable.valuesEnd;
    const entries = fields.derive(objects, count, begin, writable.roomEnd);
    if (entries === 0) return;
    writable.put(entries);
    if (this.declaration.kind === "unique") this.#noteKeys(begin, entries);
  }

  #noteKeys(values: Pointer, count: number): void {
    this.tree.extendKeyRange(values, count);
    this.#filter?.put(values, this.tree.schema.layout.sizeBytes, count);
  }

  #insertDerived(objects: Pointer, count: number): void {
    const { sizeBytes, timestampOffset } = this.#groove;
    for (let object = objects; object < objects + count * sizeBytes; object += sizeBytes) {
      if (this.#derive(object, this.#new)) this.#put(this.#new, (object + timestampOffset) >>> 2, false);
    }
  }

  #derive(object: Pointer, out: Uint32Array): boolean {
    const { source } = this.declaration;
    const { u32 } = this.#memory;
    if (source.from === "derived") return source.write(u32, object >>> 2, out);
    if (source.from === "object") return holds(source.when, u32, object >>> 2);
    assert(source.from === "field", () => `${this.tree.schema.name} is filled by hand`);
    if (source.when !== undefined && !holds(source.when, u32, object >>> 2)) return false;
    const at = (object + source.offset) >>> 2;
    out.fill(0);
    if (source.sizeBytes >= 4) {
      for (let lane = 0; lane < source.sizeBytes / 4; lane += 1) out[lane] = u32[at + lane] as number;
    } else {
      const shifted = (u32[at] as number) >>> (8 * (source.offset % 4));
      out[0] = shifted & (source.sizeBytes === 1 ? 0xff : 0xffff);
    }
    return source.zero === "indexed" || out[0] !== 0 || out[1] !== 0 || out[2] !== 0 || out[3] !== 0;
  }

  #equal(): boolean {
    for (let lane = 0; lane < this.#fieldLanes; lane += 1) if (this.#old[lane] !== this.#new[lane]) return false;
    return true;
  }

  #put(field: Uint32Array, timestamp: number, tombstone: boolean): void {
    const { writable } = this.tree.memory;
    const value = writable.slot();
    const { u32 } = this.#memory;
    const { kind } = this.declaration;
    let at = value >>> 2;
    for (let lane = 0; lane < this.#fieldLanes; lane += 1) u32[at + lane] = field[lane] as number;
    at += this.#fieldLanes;
    // The tombstone of a unique key does not keep the timestamp.
    const keeps = !(tombstone && kind === "unique");
    u32[at] = keeps ? (u32[timestamp] as number) : 0;
    u32[at + 1] = (keeps ? (u32[timestamp + 1] as number) : 0) | (tombstone ? TOMBSTONE_LANE : 0);
    if (this.#fieldLanes === 4) u32.fill(0, at + 2, at + 4);
    writable.put();
    this.#filter?.put(value, this.tree.schema.layout.sizeBytes, 1);
  }
}

/** Whether an object has an entry, as far as the condition goes. */
function holds({ lane, mask, value, equal }: IndexCondition, lanes: Uint32Array, at: number): boolean {
  return (((lanes[at + lane] as number) & mask) >>> 0 === value) === equal;
}

/** Lanes that the entry of an object depends on. */
function lanesOf({ source }: IndexDeclaration): readonly number[] {
  if (source.from === "derived") return source.lanes;
  if (source.from === "hand") return [];
  if (source.from === "object") return [source.when.lane];
  const first = source.offset >>> 2;
  const last = (source.offset + source.sizeBytes - 1) >>> 2;
  const field = Array.from({ length: last - first + 1 }, (_, lane) => first + lane);
  return source.when === undefined ? field : [...field, source.when.lane];
}

/** Derives the entries of an index over a field or over nothing; null for all others. */
function fieldKernel(groove: GrooveDeclaration, index: IndexDeclaration, kernels: Kernels): EntryKernel | null {
  const { kind, source } = index;
  if (source.from === "derived" || source.from === "hand") return null;
  const field = source.from === "field" ? source : { offset: 0, sizeBytes: 1 as const, zero: "indexed" };
  assert((kind === "void") === (source.from === "object"), () => `${index.name}: entries of kind ${kind}`);
  // Updates and removals read the field in lanes: they would derive another entry than the one that was inserted.
  assert(
    field.offset % Math.min(4, field.sizeBytes) === 0,
    () =>
      `${index.name}: a field of ${field.sizeBytes} bytes at ${field.offset}, which is no multiple of its size or of 4`,
  );
  return new EntryKernel(
    kernels,
    {
      entrySizeBytes: ENTRY_SIZES[kind],
      objectSizeBytes: groove.sizeBytes,
      fieldOffset: field.offset,
      fieldSizeBytes: field.sizeBytes,
      zeroAbsent: field.zero === "absent",
      timestampOffset: groove.timestampOffset,
      condition: source.when ?? null,
    },
    "value layouts",
  );
}
