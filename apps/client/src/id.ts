/**
 * Identifiers that sort by time (spec 01 §13).
 */

const RANDOM_BITS = 80;
const RANDOM_SIZE_BYTES = RANDOM_BITS / 8;
const TIMESTAMP_LIMIT = 2 ** 48;

const random = new DataView(new ArrayBuffer(RANDOM_SIZE_BYTES));
const randomBytes = new Uint8Array(random.buffer);

let lastTimestamp = 0;
let lastId = 0n;

/**
 * A new u128 for an account or a transfer: milliseconds since the Unix epoch, then 80 random bits. Each is greater than the
 * one before, in this thread, whatever the wall clock does.
 *
 * @throws Error if the clock is beyond the year 10889.
 */
export function id(): bigint {
  const timestamp = Date.now();
  if (timestamp > lastTimestamp) {
    lastTimestamp = timestamp;
    lastId = (BigInt(timestamp) << BigInt(RANDOM_BITS)) | randomBits();
  }
  // The carry out of the random bits is the next millisecond.
  lastId += 1n;
  if (BigInt.asUintN(RANDOM_BITS, lastId) === 0n) {
    lastTimestamp += 1;
    if (lastTimestamp === TIMESTAMP_LIMIT) throw new Error("timestamp overflow on monotonic increment");
  }
  return lastId;
}

function randomBits(): bigint {
  crypto.getRandomValues(randomBytes);
  return (BigInt(random.getUint16(8, true)) << 64n) | random.getBigUint64(0, true);
}
