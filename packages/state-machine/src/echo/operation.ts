/**
 * The one operation of the echo machine (spec 02 §26).
 *
 * @module
 */
/** The operations by number. */
export const Operation = { echo: 128 } as const;
export type Operation = (typeof Operation)[keyof typeof Operation];

/** The operation that a header's operation (u8) stands for; null for those of the protocol, `pulse` among them. */
export function operationFromVsr(operation: number): Operation | null {
  return operation === Operation.echo ? Operation.echo : null;
}
