/**
 * The ids of clients (spec 01 §10).
 */

const ID_BITS = 128n;
const ID_MAX = (1n << ID_BITS) - 1n;

/** Fresh for every session, because request numbers begin at 0 with each: u128, neither 0 nor 2^128 − 1. */
export function randomClientId(): bigint {
  const [high = 0n, low = 0n] = crypto.getRandomValues(new BigUint64Array(2));
  const id = (high << 64n) | low;
  return id === 0n || id === ID_MAX ? randomClientId() : id;
}
