/**
 * What the echo machine stores: one thing for every operation (spec 02 §26).
 *
 * @module
 */
import type { GrooveDeclaration } from "@stagbeetle/lsm";
import { recordClass, type RecordClass, type RecordOf } from "@stagbeetle/vsr-protocol";

/** The size of a thing in bytes. */
export const THING_SIZE_BYTES = 32;

/** Offsets in bytes. The id is the op, the value a checksum of what was done. */
export const THING_LAYOUT = {
  timestamp: { type: "u64", offset: 0 },
  value: { type: "u64", offset: 8 },
  id: { type: "u128", offset: 16 },
} as const;

/** A view of a thing, 32 bytes. */
export type Thing = RecordOf<typeof THING_LAYOUT>;
export const Thing: RecordClass<typeof THING_LAYOUT> = recordClass(THING_SIZE_BYTES, THING_LAYOUT);

/** The groove of the things. An operation adds one value to every tree. */
export const ThingGroove: GrooveDeclaration = {
  name: "things",
  treeId: 1,
  sizeBytes: THING_SIZE_BYTES,
  timestampOffset: 0,
  primaryKey: { index: "id" },
  orphans: false,
  objectCache: true,
  valuesPerBatch: 1,
  indexes: [
    {
      name: "value",
      treeId: 3,
      kind: "u64",
      source: { from: "field", offset: 8, sizeBytes: 8, zero: "indexed" },
      valuesPerBatch: 1,
    },
    {
      name: "id",
      treeId: 2,
      kind: "unique",
      source: { from: "field", offset: 16, sizeBytes: 16, zero: "indexed" },
      valuesPerBatch: 1,
    },
  ],
};
