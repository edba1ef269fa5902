/**
 * Operations with what goes in and what comes out.
 *
 * @module
 */
import type { OperationEncoding } from "./operation.ts";

/**
 * How one operation of a state machine turns what a caller says into bytes, and bytes into what a caller gets. The ledger's
 * are in `@stagbeetle/client/accounting`; those of another state machine are written by its author.
 *
 * @example
 * ```ts
 * const echo: OperationCodec<string, string> = {
 *   encoding: rawOperation(128),
 *   encode: (text) => new TextEncoder().encode(text),
 *   decode: (body) => new TextDecoder().decode(body),
 * };
 * ```
 */
export interface OperationCodec<Input, Output> {
  readonly encoding: OperationEncoding;
  /**
   * The body of one batch: whole events, in memory that nobody changes afterwards.
   *
   * @throws TooMuchDataError if no message could ever hold it; any other error says what is wrong with the input.
   */
  encode(input: Input): Uint8Array;
  /**
   * The results of one batch: whole ones, as many as were asked for or fewer. The body is memory that is used again
   * afterwards, so whatever is kept of it is copied.
   *
   * @param timestamp when it was executed, by the cluster's clock, in nanoseconds since the Unix epoch.
   */
  decode(body: Uint8Array, timestamp: bigint): Output;
}

/** Input that is larger than any message. */
export class TooMuchDataError extends Error {
  override readonly name = "TooMuchDataError";
}
