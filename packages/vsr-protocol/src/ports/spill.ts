/**
 * The port to room on a disk for what memory has no room for.
 *
 * @module
 */

/**
 * Bytes that are written and read back by one process, and by no later one: nothing of it need be durable.
 *
 * Both calls end when the bytes are there. Where that fails, they throw what tells the operator why: there is nothing that the
 * caller could do about it.
 */
export interface SpillStorage {
  /** Writes all of `bytes` at `offset`, in bytes from the start. */
  write(offset: number, bytes: Uint8Array): void;
  /** Fills `bytes` with what was written from `offset` on. Whether it is the same is for the caller to find out. */
  read(offset: number, bytes: Uint8Array): void;
}
