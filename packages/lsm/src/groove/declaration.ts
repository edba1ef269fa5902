/**
 * Grooves as data: one tree of objects and index trees over them (spec 05 §3).
 *
 * @module
 */
import { assert, type ValueLayout } from "@stagbeetle/kernels";
import type { TreeDeclaration } from "../tree-schema.ts";

/**
 * The shape of an index entry (spec 02 §8.1): a `unique` u128 key to one object, or any number of objects for a u64, a u128 or nothing
 * (`void`).
 */
export type IndexKind = "unique" | "u64" | "u128" | "void";

/** Which objects have an entry: those of which the lane, masked, equals the value, or does not. */
export interface IndexCondition {
  readonly lane: number;
  readonly mask: number;
  readonly value: number;
  readonly equal: boolean;
}

/**
 * Where the value of an index entry comes from.
 *
 * - `field`: the bytes of the object at `offset`, a multiple of `sizeBytes` or of 4, widened with zeros. If `zero` is `absent`, zero
 *   is not indexed.
 * - `object`: no value, in an index of kind `void`.
 * - `derived`: `write` puts the value's lanes to `out[0…3]` (those of the kind) and returns true, or returns false for an
 *   object without an entry. It must depend on the object's `lanes` alone: each `lane` of them at `lanes[at + lane]`.
 * - `hand`: entries are put one by one.
 */
export type IndexSource =
  | {
      readonly from: "field";
      readonly offset: number;
      readonly sizeBytes: 1 | 2 | 4 | 8 | 16;
      readonly zero: "indexed" | "absent";
      readonly when?: IndexCondition;
    }
  | { readonly from: "object"; readonly when: IndexCondition }
  | {
      readonly from: "derived";
      readonly lanes: readonly number[];
      readonly write: (lanes: Uint32Array, at: number, out: Uint32Array) => boolean;
    }
  | { readonly from: "hand" };

/** One index tree. */
export interface IndexDeclaration {
  readonly name: string;
  /** Unique in the forest; part of the data file's format. */
  readonly treeId: number;
  readonly kind: IndexKind;
  readonly source: IndexSource;
  /** The most values that one op adds to the tree, tombstones included. */
  readonly valuesPerBatch: number;
}

/** One groove. */
export interface GrooveDeclaration {
  readonly name: string;
  /** The object tree's id. */
  readonly treeId: number;
  /** The size of an object in bytes: a multiple of 16. */
  readonly sizeBytes: number;
  /** Where the object's timestamp (u64) is: a multiple of 8. */
  readonly timestampOffset: number;
  /** What objects are looked up by: a `unique` index, named, or the timestamp itself. */
  readonly primaryKey: { readonly index: string } | "timestamp";
  /** Whether a primary key can be burnt without an object. Only with a `unique` primary key. */
  readonly orphans: boolean;
  /** Whether objects are looked up by key during commit. If not, they are only inserted and scanned. */
  readonly objectCache: boolean;
  /** The most values that one op adds to the object tree. */
  readonly valuesPerBatch: number;
  /** In the order in which one insert writes them. */
  readonly indexes: readonly IndexDeclaration[];
}

const indexLayouts: Readonly<Record<IndexKind, ValueLayout>> = {
  unique: { key: "unique", sizeBytes: 32, timestampOffset: 16, secondary: false },
  u64: { key: "composite64", sizeBytes: 16, timestampOffset: 8, secondary: true },
  u128: { key: "composite128", sizeBytes: 32, timestampOffset: 16, secondary: true },
  void: { key: "timestamp", sizeBytes: 8, timestampOffset: 0, secondary: true },
};

/** The trees of some grooves. */
export function treesOf(grooves: readonly GrooveDeclaration[]): readonly TreeDeclaration[] {
  return grooves.flatMap((groove) => [
    {
      treeId: groove.treeId,
      name: groove.name,
      layout: {
        key: "timestamp",
        sizeBytes: groove.sizeBytes,
        timestampOffset: groove.timestampOffset,
        secondary: false,
      } as const,
      valuesPerBatch: groove.valuesPerBatch,
    },
    ...groove.indexes.map(({ treeId, name, kind, valuesPerBatch }) => ({
      treeId,
      name: `${groove.name}.${name}`,
      layout: indexLayouts[kind],
      valuesPerBatch,
    })),
  ]);
}

/** The number of an index of a groove by its name. */
export function indexNumber(groove: GrooveDeclaration, name: string): number {
  const number = groove.indexes.findIndex((index) => index.name === name);
  assert(number !== -1, () => `${groove.name} has no index ${name}`);
  return number;
}
