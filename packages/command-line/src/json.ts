/**
 * Reports for programs.
 */
import { snakeCase } from "./text.ts";

/**
 * Any report as one JSON document. Names are spelled as in the text. Integers that can exceed 2^53 are strings, always, so
 * that a field has one type.
 */
export function jsonText(report: unknown): string {
  return `${JSON.stringify(report, jsonValue, 2)}\n`;
}

function jsonValue(_: string, value: unknown): unknown {
  if (typeof value === "bigint") return String(value);
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]: [string, unknown]) => [snakeCase(name), inner]));
}
