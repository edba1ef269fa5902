/**
 * What an operator gets to read when the data file, or an append-only file, cannot be opened (spec 04 §4.1, spec 06 §2.3, §4.10).
 *
 * @module
 */

/** What is wrong with the file. Stable: to be matched on. */
export type DataFileErrorCode =
  /** There is nothing at the path, or its directory does not exist. */
  | "path_not_found"
  /** It is neither a regular file nor a block device. */
  | "not_a_file"
  /** It is to be formatted and exists. */
  | "already_exists"
  /** The process may not open or create it. */
  | "access_denied"
  /** Its file system has no direct I/O, which production requires. */
  | "direct_io_unsupported"
  /** Another process has it open. */
  | "locked"
  /** The disk is full. */
  | "no_space_left"
  /** It is shorter than a data file can be. */
  | "too_small"
  /** The block device to be formatted holds something. */
  | "device_not_empty"
  /** Anything else that the system reported. */
  | "input_output";

const EXIT_STATUS_FAILED = 1;
const EXIT_STATUS_NO_SPACE_LEFT = 2;

/** The file cannot be opened: one line that says what is wrong and what to do. Nothing was changed. */
export class DataFileError extends Error {
  override readonly name = "DataFileError";
  readonly code: DataFileErrorCode;
  readonly path: string;

  constructor(code: DataFileErrorCode, path: string, message: string, options?: ErrorOptions) {
    super(`${path}: ${message}`, options);
    this.code = code;
    this.path = path;
  }

  /** The status to exit with: 2 if the disk is full, otherwise 1 (spec 06 §1.4). */
  get exitStatus(): number {
    return this.code === "no_space_left" ? EXIT_STATUS_NO_SPACE_LEFT : EXIT_STATUS_FAILED;
  }
}

/** The code of a system error as Node names it, for example `EIO`; empty for anything else. */
export function systemErrorCode(error: unknown): string {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "";
}

/** Says what a system error on the file means to an operator. `doing` completes "cannot …". */
export function dataFileError(path: string, doing: string, error: unknown): DataFileError {
  if (error instanceof DataFileError) return error;
  const code = systemErrorCode(error);
  const fail = (kind: DataFileErrorCode, message: string): DataFileError =>
    new DataFileError(kind, path, message, { cause: error });
  switch (code) {
    case "ENOENT":
      return fail("path_not_found", `cannot ${doing}: there is no such file or directory`);
    case "ENOTDIR":
      return fail("path_not_found", `cannot ${doing}: part of the path is not a directory`);
    case "EISDIR":
      return fail("not_a_file", `cannot ${doing}: it is a directory`);
    case "EEXIST":
      return fail(
        "already_exists",
        `cannot ${doing}: it exists already and is left alone; choose another path or remove it`,
      );
    case "EACCES":
    case "EPERM":
      return fail("access_denied", `cannot ${doing}: permission denied`);
    case "EROFS":
      return fail("access_denied", `cannot ${doing}: the file system is read-only`);
    case "ENOSPC":
    case "EDQUOT":
    case "EFBIG":
      return fail("no_space_left", `cannot ${doing}: no space left; free some or choose another disk`);
    case "EBUSY":
      return fail("locked", `cannot ${doing}: the device is in use, perhaps mounted`);
    default:
      return fail("input_output", `cannot ${doing}: ${error instanceof Error ? error.message : String(error)}`);
  }
}
