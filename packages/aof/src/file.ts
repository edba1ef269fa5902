/**
 * The ports to the file: one to append to, one to read from. `@stagbeetle/io-linux` has them for real.
 *
 * Both are synchronous but for what waits for the disk, because a prepare has to be in the file before it is executed
 * (spec 06 §2.4). Whoever implements them ends the process on a write that fails, by throwing.
 *
 * @module
 */

/**
 * Where the path of an open file leads to now (spec 06 §2.5): to that file, to nothing, to another file, or nobody can tell.
 */
export type PathTarget = "same" | "nothing" | "another" | "unknown";

/** A file that a replica appends to. It is locked for it alone, and durable by name, from the moment it is open. */
export interface AppendFile {
  /** For messages. */
  readonly path: string;
  /** Appends all bytes of all parts, one behind the other. They need not be durable. */
  append(parts: readonly Uint8Array[]): void;
  /** Makes durable what was appended. The callback runs once, never from inside the call. */
  sync(callback: () => void): void;
  /** Where the path leads to. */
  pathTarget(): PathTarget;
  /** Leaves the file and goes on with a new one at the path. The callback runs once, when it is durable by name. */
  recreate(callback: () => void): void;
}

/** A file that is read. */
export interface ReadableFile {
  /** For messages. */
  readonly path: string;
  /** How long the file was when it was opened, in bytes. What is appended later is not looked at. */
  readonly sizeBytes: number;
  /**
   * Reads from `offset` on, as many bytes as fit into `target`.
   *
   * @returns how many there were: fewer only at the end of the file.
   */
  read(target: Uint8Array, offset: number): number;
  /** Ends the use of the file. */
  close(): void;
}
