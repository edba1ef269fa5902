/**
 * Headers as text, so that logs of different implementations can be compared (spec 01 §4.27).
 *
 * @module
 */
import { commandName } from "../command.ts";
import { evictionReasonName } from "../eviction.ts";
import { type Field, isZero, readU53, readU128 } from "../layout.ts";
import { operationName, operationValid } from "../operation.ts";
import { formatRelease } from "../release.ts";
import { blockTypeName } from "./block.ts";
import { commandHeaderOf } from "./command-header.ts";
import { FRAME_LAYOUT, type Header } from "./frame.ts";

/** The u128 that are checksums and print as 32 hexadecimal digits; all others are decimal. */
const CHECKSUM_FIELDS: ReadonlySet<string> = new Set([
  "checksum",
  "checksum_padding",
  "checksum_body",
  "checksum_body_padding",
  "prepare_checksum",
  "prepare_checksum_padding",
  "commit_checksum",
  "commit_checksum_padding",
  "request_checksum",
  "request_checksum_padding",
  "reply_checksum",
  "reply_checksum_padding",
  "parent",
  "parent_padding",
  "context",
  "context_padding",
  "checkpoint_id",
]);

/**
 * A header as one line: `Prepare{ .checksum=…, .checksum_body=…, … }`. Reserved bytes and padding only if not zero.
 *
 * @param command whose header it is; that which it says itself unless the place where it lies decides.
 */
export function describeHeader(header: Header, command: number = header.command): string {
  const fields = headerFields(header, command).map(([label, text]) => `.${label}=${text}`);
  return `${commandHeaderOf(command)?.name ?? "Header"}{ ${fields.join(", ")} }`;
}

/** The fields that {@link describeHeader} shows: their names in the reference's spelling, and their values as text. */
export function headerFields(
  header: Header,
  command: number = header.command,
): readonly (readonly [label: string, text: string])[] {
  return Object.entries<Field>(commandHeaderOf(command)?.layout ?? FRAME_LAYOUT)
    .map(([name, field]) => ({ label: snakeCase(name), field }))
    .filter(({ label, field }) => !isFiller(label) || !isZero(header, field))
    .map(({ label, field }) => [label, describeField(header, label, field)] as const);
}

function snakeCase(name: string): string {
  return name.replace(/[A-Z]/gu, (letter) => `_${letter.toLowerCase()}`);
}

function isFiller(label: string): boolean {
  return label.startsWith("reserved") || label.endsWith("reserved") || label.endsWith("padding");
}

function describeField(header: Header, label: string, field: Field): string {
  const at = header.offset + field.offset;
  switch (field.type) {
    case "u8":
      return describeU8(label, header.dataView.getUint8(at));
    case "u16":
      return String(header.dataView.getUint16(at, true));
    case "u32": {
      const value = header.dataView.getUint32(at, true);
      return label === "release" ? formatRelease(value) : String(value);
    }
    case "u53":
      return String(readU53(header.dataView, at));
    case "u64":
      return String(header.dataView.getBigUint64(at, true));
    case "u128": {
      const value = readU128(header.dataView, at);
      return CHECKSUM_FIELDS.has(label) ? value.toString(16).padStart(32, "0") : String(value);
    }
    case "bytes":
      return `{ ${header.buffer.subarray(at, at + field.size).join(", ")} }`;
  }
}

function describeU8(label: string, value: number): string {
  switch (label) {
    case "command":
      return `vsr.Command.${commandName(value)}`;
    case "operation":
      return operationValid(value) ? `vsr.Operation.${operationName(value)}` : `vsr.Operation(${value})`;
    case "reason":
      return evictionReasonName(value);
    case "block_type":
      return blockTypeName(value);
    default:
      return String(value);
  }
}
