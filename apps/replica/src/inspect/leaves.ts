/**
 * Records as lists of their leaves, for printing: what a layout table says is there is all that is needed (spec 06 §6.1).
 */
import { hex128, snakeCase } from "@stagbeetle/command-line";
import { assert } from "@stagbeetle/kernels";
import {
  describeHeader,
  fieldSizeBytes,
  formatRelease,
  Header,
  HEADER_SIZE_BYTES,
  readU128,
} from "@stagbeetle/vsr-protocol";
import type { Command, Field, Layout } from "@stagbeetle/vsr-protocol";

/** One line of a printed record. */
export interface Leaf {
  /** From the root of the record, for example `vsr_state.checkpoint.release`. */
  readonly path: string;
  /** Where it is in the record, in bytes. */
  readonly offset: number;
  readonly sizeBytes: number;
  /** Its value as text, given exactly its bytes. */
  readonly text: (bytes: Uint8Array) => string;
}

/** What a field of bytes consists of: made of its path and offset. */
export type Nested = (path: string, offset: number) => readonly Leaf[];

/** The fields of a record at `offset`, each a leaf unless `nested` says what it consists of. Reserved bytes are summed up. */
export function layoutLeaves(
  layout: Layout,
  path: string,
  offset: number,
  nested: Readonly<Record<string, Nested>> = {},
): readonly Leaf[] {
  return Object.entries<Field>(layout).flatMap(([name, field]) => {
    const fieldPath = path + snakeCase(name);
    const inner = nested[name];
    if (inner !== undefined) return inner(fieldPath, offset + field.offset);
    return [fieldLeaf(name, field, fieldPath, offset + field.offset)];
  });
}

/** A header of a command that is known from its place. */
export function headerLeaf(path: string, offset: number, command: Command): Leaf {
  return {
    path,
    offset,
    sizeBytes: HEADER_SIZE_BYTES,
    text: (bytes) => describeHeader(new Header(bytes), command),
  };
}

/** A u128 that is one element of an array. */
export function u128Leaf(path: string, offset: number): Leaf {
  return fieldLeaf("", { type: "u128", offset: 0 }, path, offset);
}

/** Bytes that are not looked into. */
export function bytesLeaf(path: string, offset: number, sizeBytes: number): Leaf {
  return fieldLeaf("", { type: "bytes", offset: 0, size: sizeBytes }, path, offset);
}

function fieldLeaf(name: string, field: Field, path: string, offset: number): Leaf {
  const sizeBytes = fieldSizeBytes(field);
  const isRelease = field.type === "u32" && name.startsWith("release");
  return {
    path,
    offset,
    sizeBytes,
    text: (bytes) => {
      assert(bytes.length === sizeBytes, () => `${path}: ${bytes.length} bytes of ${sizeBytes}`);
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
      return isRelease ? formatRelease(view.getUint32(0, true)) : valueText(field.type, view, bytes);
    },
  };
}

function valueText(type: Field["type"], view: DataView, bytes: Uint8Array): string {
  switch (type) {
    case "u8":
      return String(view.getUint8(0));
    case "u16":
      return String(view.getUint16(0, true));
    case "u32":
      return String(view.getUint32(0, true));
    case "u53":
    case "u64":
      return String(view.getBigUint64(0, true));
    case "u128":
      return `0x${hex128(readU128(view, 0))}`;
    case "bytes":
      return `[${bytes.length}]u8{${bytes.every((byte) => byte === 0) ? "0" : "nonzero"}}`;
  }
}
