/**
 * Numbers on the command line.
 */

/** The value of a flag. @throws TypeError if it is not a whole number from `min` on. */
export function wholeNumber(flag: string, text: string | undefined, byDefault: number, min = 1): number {
  if (text === undefined) return byDefault;
  const value = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value) || value < min) {
    throw new TypeError(`--${flag}: '${text}' is not a whole number from ${min} on`);
  }
  return value;
}
