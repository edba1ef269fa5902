/**
 * Assertions that stay on in production. A broken invariant stops the process with the values in the message; what the
 * design tolerates (a corrupt sector, a lost packet) is data and never comes here.
 */

/** A broken invariant: a mistake in the program, not in its input. Nobody should catch it to go on. */
export class AssertionError extends Error {
  override readonly name = "AssertionError";
}

/**
 * Throws {@link AssertionError} unless `condition` holds.
 *
 * `message` says what should have been, with the values. Where the text has to be put together, give a function: it is
 * called only on failure. On a path that runs millions of times a second, even the function costs; write
 * `if (!condition) fail(...)` there.
 */
export function assert(condition: boolean, message: string | (() => string)): asserts condition {
  if (!condition) fail(typeof message === "string" ? message : message());
}

/** Throws {@link AssertionError}: for hot paths, and for places that cannot be reached. */
export function fail(message: string): never {
  throw new AssertionError(message);
}
