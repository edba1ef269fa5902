/** What is wrong with a file, or with the cluster that it is to be recovered into. */

/** One line for the operator. The exit status is 1. */
export class AofError extends Error {
  override readonly name = "AofError";
}
