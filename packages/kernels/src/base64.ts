/** Base64 (RFC 4648, padded) to bytes, for every runtime: `atob` and `Buffer` are not in the language. */

import { assert, fail } from "./assert.ts";

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

function digitOf(text: string, position: number): number {
  const character = text.charAt(position);
  if (character === "=") return 0;
  const digit = alphabet.indexOf(character);
  if (digit < 0) fail(`base64: "${character}" at ${position}`);
  return digit;
}

/** The bytes that `text` stands for. `text` is trusted: it comes from our own build. */
export function decodeBase64(text: string): Uint8Array<ArrayBuffer> {
  assert(text.length % 4 === 0, () => `base64: length ${text.length} is no multiple of 4`);
  const padding = text.endsWith("==") ? 2 : text.endsWith("=") ? 1 : 0;
  const bytes = new Uint8Array((text.length / 4) * 3 - padding);
  for (let position = 0, offset = 0; position < text.length; position += 4, offset += 3) {
    const group =
      (digitOf(text, position) << 18) |
      (digitOf(text, position + 1) << 12) |
      (digitOf(text, position + 2) << 6) |
      digitOf(text, position + 3);
    // What padding leaves over falls off the end of the array.
    bytes[offset] = group >> 16;
    bytes[offset + 1] = group >> 8;
    bytes[offset + 2] = group;
  }
  return bytes;
}
