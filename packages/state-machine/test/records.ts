/** Builders of records for tests. */
import type { Layout, RecordClass, RecordOf } from "@stagbeetle/vsr-protocol";

/** Values of some fields of a record. */
export type Fields<L extends Layout> = Partial<{ -readonly [Name in keyof L]: RecordOf<L>[Name] }>;

/** The bytes of a record with these fields; all others are zero. */
export function record<L extends Layout>(type: RecordClass<L>, fields: Fields<L>): Uint8Array {
  const bytes = new Uint8Array(type.sizeBytes);
  Object.assign(new type(bytes) as object, fields);
  return bytes;
}

/** The bytes of several records in a row. */
export function concatenate(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** The records that some bytes consist of. */
export function recordsOf<L extends Layout>(type: RecordClass<L>, bytes: Uint8Array): RecordOf<L>[] {
  const records: RecordOf<L>[] = [];
  for (let at = 0; at < bytes.length; at += type.sizeBytes) records.push(new type(bytes, at));
  return records;
}
