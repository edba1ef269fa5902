/**
 * What stops an inspection: one line for an operator.
 */
export class InspectError extends Error {
  override readonly name = "InspectError";
}
