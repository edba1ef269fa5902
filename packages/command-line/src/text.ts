/**
 * How values look in reports: the forms that the reference prints (spec 06 §6.1).
 */

/** A u128 as 32 hexadecimal digits. */
export function hex128(value: bigint): string {
  return value.toString(16).padStart(32, "0");
}

/** `debitAccountId` → `debit_account_id`. */
export function snakeCase(name: string): string {
  return name.replaceAll(/[A-Z]|(?<=[a-z])\d+/gu, (start) => `_${start.toLowerCase()}`);
}

/** Lines with their ends. */
export function lines(all: readonly string[]): string {
  return all.map((line) => `${line}\n`).join("");
}
