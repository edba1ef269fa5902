/** Why a benchmark cannot go on. */

/** Something that an operator can do something about: one line, exit status 1. The data file is left behind. */
export class BenchmarkError extends Error {
  override readonly name = "BenchmarkError";
}
