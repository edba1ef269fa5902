/** What is wrong with a command line. */

/**
 * A mistake in the arguments: one line for the operator, without `error:` in front. Thrown while nothing has been done
 * yet; the exit status is 1 (`cli`).
 */
export class CommandLineError extends Error {
  override readonly name = "CommandLineError";
}
