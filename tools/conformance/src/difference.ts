/**
 * Finding and telling the first difference between two runs of bytes.
 *
 * @module
 */
import type { Layout, RecordClass } from "@stagbeetle/vsr-protocol";
import { fieldSizeBytes, HEADER_SIZE_BYTES } from "@stagbeetle/vsr-protocol";

const EXCERPT_SIZE_BYTES = 16;

function excerpt(bytes: Uint8Array, offset: number): string {
  return Buffer.from(bytes.subarray(offset, offset + EXCERPT_SIZE_BYTES)).toString("hex");
}

/** The offset of the first byte that differs, or null. Where one is a prefix of the other it is the shorter length. */
export function firstDifferingByte(actual: Uint8Array, expected: Uint8Array): number | null {
  const length = Math.min(actual.length, expected.length);
  if (Buffer.compare(actual.subarray(0, length), expected.subarray(0, length)) === 0) {
    return actual.length === expected.length ? null : length;
  }
  for (let offset = 0; offset < length; offset += 1) if (actual[offset] !== expected[offset]) return offset;
  return length;
}

/** One line on the first differing byte of two byte runs, or null if they are equal. */
export function describeDifference(actual: Uint8Array, expected: Uint8Array): string | null {
  const offset = firstDifferingByte(actual, expected);
  if (offset === null) return null;
  if (offset === Math.min(actual.length, expected.length)) return `${actual.length} bytes, recorded ${expected.length}`;
  return `byte ${offset} is ${excerpt(actual, offset)}…, recorded ${excerpt(expected, offset)}…`;
}

/** The checksums follow from the other fields, so they are named only when nothing else differs. */
function isChecksum(name: string): boolean {
  return name === "checksum" || name === "checksumBody" || name === "context";
}

/** One line on the first difference of two messages: by field in the header, by offset in the body. Null if equal. */
export function describeMessageDifference<Fields extends Layout>(
  headerClass: RecordClass<Fields>,
  actual: Uint8Array,
  expected: Uint8Array,
): string | null {
  if (firstDifferingByte(actual, expected) === null) return null;
  const body = describeDifference(actual.subarray(HEADER_SIZE_BYTES), expected.subarray(HEADER_SIZE_BYTES));
  const fields = Object.entries(headerClass.layout).filter(([, { offset, ...field }]) => {
    const size = fieldSizeBytes({ offset, ...field } as Layout[string]);
    return (
      firstDifferingByte(actual.subarray(offset, offset + size), expected.subarray(offset, offset + size)) !== null
    );
  });
  const [name, field] = fields.find(([fieldName]) => !isChecksum(fieldName)) ?? fields[0] ?? [];
  const parts: string[] = [];
  if (name !== undefined && field !== undefined) {
    const size = fieldSizeBytes(field);
    const hex = (bytes: Uint8Array): string =>
      Buffer.from(bytes.subarray(field.offset, field.offset + size)).toString("hex");
    parts.push(`header field ${name} is ${hex(actual)}, recorded ${hex(expected)}`);
  }
  if (body !== null) parts.push(`body: ${body}`);
  return parts.join("; ");
}
