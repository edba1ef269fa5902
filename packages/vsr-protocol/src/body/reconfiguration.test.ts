import { describe, expect, test } from "vitest";
import { writeU128 } from "../layout.ts";
import {
  type CurrentConfiguration,
  ReconfigurationRequest,
  ReconfigurationResult,
  validateReconfiguration,
} from "./reconfiguration.ts";

const CURRENT: CurrentConfiguration = { members: [1n, 2n, 3n, 4n], epoch: 1, replicaCount: 3, standbyCount: 1 };

interface Change {
  readonly members?: readonly bigint[];
  readonly epoch?: number;
  readonly replicaCount?: number;
  readonly standbyCount?: number;
  readonly reserved?: Uint8Array;
  readonly result?: number;
}

/** The request of spec 03 §34.7, with some fields changed. */
function request({ members = [4n, 1n, 2n, 3n], ...fields }: Change): ReconfigurationRequest {
  const body = new ReconfigurationRequest(new Uint8Array(256));
  Object.assign(body, { epoch: 2, replicaCount: 3, standbyCount: 1, ...fields });
  for (const [index, member] of members.entries()) writeU128(body.dataView, 16 * index, member);
  return body;
}

const R = ReconfigurationResult;

describe("a reconfiguration", () => {
  test.each<readonly [Change, ReconfigurationResult]>([
    [{}, R.ok],
    [{ replicaCount: 0 }, R.replicaCountZero],
    [{ replicaCount: 255 }, R.replicaCountMaxExceeded],
    [{ standbyCount: 7 }, R.standbyCountMaxExceeded],
    [{ members: [4n, 1n, 4n, 3n] }, R.membersInvalid],
    [{ members: [4n, 1n, 4n, 3n], epoch: 0 }, R.membersInvalid],
    [{ members: [4n, 1n, 0n, 2n, 3n] }, R.membersInvalid],
    [{ members: [4n, 1n, 0n, 2n, 3n], epoch: 1 }, R.membersInvalid],
    [{ replicaCount: 4 }, R.membersCountInvalid],
    [{ reserved: new Uint8Array(54).fill(1) }, R.reservedField],
    [{ result: R.ok }, R.resultMustBeReserved],
    [{ epoch: 0 }, R.epochInThePast],
    [{ epoch: 3 }, R.epochInTheFuture],
    [{ members: [1n, 2n, 3n], replicaCount: 2 }, R.differentReplicaCount],
    [{ members: [1n, 2n, 3n, 4n, 5n], standbyCount: 2 }, R.differentStandbyCount],
    [{ members: [8n, 1n, 2n, 3n] }, R.differentMemberSet],
    [{ epoch: 1, members: [1n, 2n, 3n, 4n] }, R.configurationApplied],
    [{ epoch: 1 }, R.configurationConflict],
    [{ members: [1n, 2n, 3n, 4n] }, R.configurationIsNoOp],
  ])("%o gives result %i", (change, result) => {
    expect(validateReconfiguration(request(change), CURRENT)).toBe(result);
  });

  test("of the last epoch", () => {
    const epoch = 2 ** 32 - 1;
    const current = { ...CURRENT, epoch };
    expect(validateReconfiguration(request({}), current)).toBe(R.epochInThePast);
    expect(validateReconfiguration(request({ epoch }), current)).toBe(R.configurationConflict);
    const members = [1n, 2n, 3n, 4n];
    expect(validateReconfiguration(request({ epoch, members }), current)).toBe(R.configurationApplied);
  });

  test("may have all twelve members", () => {
    const members = Array.from({ length: 12 }, (_, index) => BigInt(index + 1));
    const counts = { replicaCount: 6, standbyCount: 6 };
    const current = { members, epoch: 1, ...counts };
    expect(validateReconfiguration(request({ members: members.toReversed(), ...counts }), current)).toBe(R.ok);
  });

  test("is measured against as many members as there are nodes", () => {
    const current = { ...CURRENT, members: [1n, 2n] };
    expect(() => validateReconfiguration(request({}), current)).toThrow("2 members for 4 nodes");
  });

  test("has the numbers of the specification", () => {
    expect(Object.values(R)).toEqual(Array.from({ length: 17 }, (_, result) => result));
    expect(R.configurationIsNoOp).toBe(16);
  });
});
