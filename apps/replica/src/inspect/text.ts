/**
 * How values of data files look in reports: the forms that the reference prints (spec 06 §6.1).
 */
import { operationFromVsr } from "@stagbeetle/state-machine";
import { operationName, operationValid } from "@stagbeetle/vsr-protocol";

/** The operation of a prepare or reply by name; an unknown one as its number and `!`. */
export function operationText(operation: number): string {
  if (operationValid(operation)) return operationName(operation);
  return operationFromVsr(operation)?.name ?? `${operation}!`;
}

const UNITS: readonly string[] = ["B", "KiB", "MiB", "GiB", "TiB"];
const UNIT_BYTES = 1024;

/** A size in the largest unit that leaves at least 1 of it, for example `96KiB`, with two digits if it is not whole. */
export function sizeText(sizeBytes: number): string {
  let value = sizeBytes;
  let unit = 0;
  for (; value >= UNIT_BYTES && unit < UNITS.length - 1; unit += 1) value /= UNIT_BYTES;
  return `${Number.isInteger(value) ? value : value.toFixed(2)}${UNITS[unit]}`;
}

/** Right-aligned, filled with `_`: how the reference aligns numbers. */
export function underscored(text: string | number, width: number): string {
  return String(text).padStart(width, "_");
}
