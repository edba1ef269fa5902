import { expect, test } from "vitest";
import { EvictionReason, evictionReasonKnown, evictionReasonName } from "./eviction.ts";

test.each([
  [EvictionReason.reserved, 0, "reserved"],
  [EvictionReason.noSession, 1, "no_session"],
  [EvictionReason.clientReleaseTooLow, 2, "client_release_too_low"],
  [EvictionReason.clientReleaseTooHigh, 3, "client_release_too_high"],
  [EvictionReason.invalidRequestOperation, 4, "invalid_request_operation"],
  [EvictionReason.invalidRequestBody, 5, "invalid_request_body"],
  [EvictionReason.invalidRequestBodySize, 6, "invalid_request_body_size"],
  [EvictionReason.sessionTooLow, 7, "session_too_low"],
  [EvictionReason.sessionReleaseMismatch, 8, "session_release_mismatch"],
])("reason %i has the value %i and the name %s", (reason, value, name) => {
  expect(reason).toBe(value);
  expect(evictionReasonKnown(reason)).toBe(true);
  expect(evictionReasonName(reason)).toBe(name);
});

test("reasons from 9 on are unknown", () => {
  expect(evictionReasonKnown(9)).toBe(false);
  expect(evictionReasonName(9)).toBe("9");
});
