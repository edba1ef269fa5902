/**
 * Why a client loses its session (spec 01 §3.4).
 *
 * @module
 */

/** The reason in an `eviction`: a u8. `reserved` is invalid on the wire. */
export const EvictionReason = {
  reserved: 0,
  noSession: 1,
  clientReleaseTooLow: 2,
  clientReleaseTooHigh: 3,
  invalidRequestOperation: 4,
  invalidRequestBody: 5,
  invalidRequestBodySize: 6,
  sessionTooLow: 7,
  sessionReleaseMismatch: 8,
} as const;
export type EvictionReason = (typeof EvictionReason)[keyof typeof EvictionReason];

const NAMES: readonly string[] = [
  "reserved",
  "no_session",
  "client_release_too_low",
  "client_release_too_high",
  "invalid_request_operation",
  "invalid_request_body",
  "invalid_request_body_size",
  "session_too_low",
  "session_release_mismatch",
];

/** Whether a u8 is a reason, `reserved` included. */
export function evictionReasonKnown(reason: number): reason is EvictionReason {
  return reason < NAMES.length;
}

/** The name of a reason as logs have it, for example `no_session`; the number of an unknown one. */
export function evictionReasonName(reason: number): string {
  return NAMES[reason] ?? String(reason);
}
