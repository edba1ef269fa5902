/**
 * How far a recovery is, kept in a file, so that it can go on after an interruption.
 *
 * It is written before each message. So the cluster's log holds, of this recovery, either exactly what the file says or one
 * message more; which of the two shows when the next session is registered, because that is an op as well.
 */
import { closeSync, constants, openSync, readFileSync, unlinkSync, writeSync } from "node:fs";

import { dataFileError } from "@stagbeetle/io-linux";

import { AofError } from "../aof-error.ts";

/** The point of a recovery that the file holds. */
export interface Position {
  /** Which chain is sent: the checksums of its first and last entries, as hexadecimal digits. */
  readonly checksumFirst: string;
  readonly checksumLast: string;
  /** How often the recovery was taken up again. */
  readonly attempt: number;
  /** The last op of the cluster's log that is known to be this recovery's; 0 if there is none. */
  readonly opCluster: number;
  /** What was under way, of which release, and for which entry; null kind: nothing. */
  readonly sending: "register" | "request" | null;
  readonly release: number;
  readonly op: number;
  /** Where in the file that entry begins, in bytes. */
  readonly offset: number;
}

/** Every position is written over the one before it, so all have one size. */
const SIZE_BYTES = 512;

/** A file with one position in it. */
export class ProgressFile {
  readonly path: string;
  readonly #fileDescriptor: number;
  readonly #bytes: Buffer = Buffer.alloc(SIZE_BYTES);

  private constructor(path: string, fileDescriptor: number) {
    this.path = path;
    this.#fileDescriptor = fileDescriptor;
  }

  /** The position in the file at `path`; null if there is no file, or nothing in it yet. @throws AofError if it holds something else. */
  static read(path: string): Position | null {
    let text: string;
    try {
      text = readFileSync(path, "utf8");
    } catch (error) {
      if (error instanceof Error && "code" in error && error.code === "ENOENT") return null;
      throw dataFileError(path, "read the progress of a recovery", error);
    }
    if (text === "") return null;
    const position = parsePosition(text);
    if (position === null) throw new AofError(`${path}: it does not hold the progress of a recovery`);
    return position;
  }

  /** Opens the file to write, and creates it if need be. @throws DataFileError */
  static open(path: string): ProgressFile {
    try {
      return new ProgressFile(path, openSync(path, constants.O_RDWR | constants.O_CREAT, 0o666));
    } catch (error) {
      throw dataFileError(path, "keep the progress of the recovery", error);
    }
  }

  /** Replaces what the file holds. A kill of the process loses nothing of it. @throws DataFileError */
  write(position: Position): void {
    this.#bytes.fill(" ").write(JSON.stringify(position));
    this.#bytes[SIZE_BYTES - 1] = 0x0a;
    try {
      writeSync(this.#fileDescriptor, this.#bytes, 0, SIZE_BYTES, 0);
    } catch (error) {
      throw dataFileError(this.path, "keep the progress of the recovery", error);
    }
  }

  close(): void {
    closeSync(this.#fileDescriptor);
  }

  /** Closes the file and removes it: there is nothing to go on with. */
  remove(): void {
    this.close();
    unlinkSync(this.path);
  }
}

function parsePosition(text: string): Position | null {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return null;
  }
  return isPosition(parsed) ? parsed : null;
}

function isPosition(value: unknown): value is Position {
  if (typeof value !== "object" || value === null) return false;
  const fields = value as Readonly<Record<string, unknown>>;
  const numbers = ["attempt", "opCluster", "release", "op", "offset"];
  const sending = fields["sending"];
  return (
    typeof fields["checksumFirst"] === "string" &&
    typeof fields["checksumLast"] === "string" &&
    numbers.every((name) => Number.isSafeInteger(fields[name]) && Number(fields[name]) >= 0) &&
    (sending === null || sending === "register" || sending === "request")
  );
}
