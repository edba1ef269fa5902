/**
 * Conditions of the environment that end the process (spec 01 §3.6, spec 03 §2.7).
 *
 * They are neither bugs (those are assertions) nor faults that the protocol tolerates (those are data).
 *
 * @module
 */

/** Why the process ends, and the exit status that says so. */
export const FatalReason = {
  cli: 1,
  noSpaceLeft: 2,
  manifestNodePoolExhausted: 3,
  storageSizeExceedsLimit: 4,
  storageSizeWouldExceedLimit: 5,
  forestTablesCountWouldExceedLimit: 6,
  unknownVsrCommand: 7,
} as const;
export type FatalReason = (typeof FatalReason)[keyof typeof FatalReason];

/** Thrown by {@link fatal}. Only the outermost layer catches it: it prints the message and exits with `reason`. */
export class FatalError extends Error {
  override readonly name = "FatalError";
  /** Also the exit status. */
  readonly reason: FatalReason;

  constructor(reason: FatalReason, message: string) {
    super(message);
    this.reason = reason;
  }
}

/**
 * Ends the process for a reason that lies outside of it.
 *
 * @param message one line for the operator: what is wrong and what to do.
 * @throws FatalError always.
 */
export function fatal(reason: FatalReason, message: string): never {
  throw new FatalError(reason, message);
}
