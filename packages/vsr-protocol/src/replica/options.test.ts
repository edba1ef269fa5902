import { expect, test } from "vitest";
import { PRODUCTION } from "../config/production.ts";
import { TEST_MIN } from "../config/test-min.ts";
import { assertOptions, messagesMax, type ReplicaOptions } from "./options.ts";

const OPTIONS: ReplicaOptions = {
  config: PRODUCTION,
  cluster: null,
  addressCount: 1,
  release: 4361,
  releaseClientMin: 4352,
  requestSizeLimit: PRODUCTION.cluster.messageSizeMax,
  pipelineRequestQueueLimit: 24,
  nonce: 1n,
  aofRecovery: false,
};

test("three nodes with the default limits have 257 messages", () => {
  expect(messagesMax(PRODUCTION, 3, 24)).toBe(257);
});

test("a single replica needs fewer messages, and one more waiting request needs six", () => {
  const alone = messagesMax(PRODUCTION, 1, 24);
  expect(alone).toBeLessThan(257);
  expect(messagesMax(PRODUCTION, 1, 25) - alone).toBe(1 + 1 + PRODUCTION.derived.connectionSendQueueMaxReplica);
  expect(messagesMax(TEST_MIN, 1, 0)).toBeGreaterThan(0);
});

test.each<Partial<ReplicaOptions>>([
  { requestSizeLimit: 256 },
  { requestSizeLimit: PRODUCTION.cluster.messageSizeMax + 1 },
  { pipelineRequestQueueLimit: -1 },
  { pipelineRequestQueueLimit: 58 },
  { releaseClientMin: 0 },
  { releaseClientMin: 4362 },
  { nonce: 0n },
  { nonce: 1n << 128n },
  { addressCount: 0 },
])("options that contradict the configuration are refused: %o", (wrong) => {
  expect(() => assertOptions(OPTIONS)).not.toThrow();
  expect(() => assertOptions({ ...OPTIONS, ...wrong })).toThrow();
});
