import { describe, expect, it } from "vitest";
import { MEMBERS_MAX } from "./config/derive.ts";
import { PRODUCTION_CLUSTER } from "./config/production.ts";
import { TEST_MIN_CLUSTER } from "./config/test-min.ts";
import { memberCount, memberIndex, validMembers, rootMembers } from "./members.ts";

const PRODUCTION_IDS = [
  0x04fd2e0ee4f9e71c59289a79962587c1n,
  0xe86c59ee4d7863c5ee4bfeb05f40a210n,
  0x64de0facf4e470fb745c6e7727e04db9n,
  0x57fde8fd01a82e8de537f41c8b3a2a8en,
  0x2c8a40766c1debd1d399faa3102f6f49n,
  0x5dcab844acce32136b657ed3616f755an,
  0xe568c3e5aeed8c6313797e9f78de4daen,
  0xea7a9c1a4f4b9c605e1deffcc71e2519n,
  0x7b766948e19c14bb888bfcbc0815ed9bn,
  0xfdffe8d3bf638f14e79f99c554a1bf30n,
  0xddf9e8989fc0f21e39bfb8ceeaeb5684n,
  0xdd453d11235f8035b283267bba369104n,
];
const TEST_MIN_IDS = [
  0x459d6840872cd4709b6b08975dc2a6bbn,
  0x98bd1945b69568664d59ea1827288a22n,
  0x2db1caea465eae11497ac773dc80fc09n,
  0x378bd9dfed0df6c5996f2b9f4b64df1bn,
  0xcc1c24b3d56ea1fdb8a5dc65f425bab7n,
  0x7d13f0e77af77c389c8fc7c5e6773085n,
  0x90689d9dd8f712be32ef0a4d0de013b7n,
  0x8070f283e793e1a592bf4407cf1b18ccn,
  0xa3f9b3795c747ab772e63a335c94cefcn,
  0x4fe89fb4498beae769732d5bc5f91874n,
  0x49aa0b4b9ca1306d1030be36f4a436den,
  0x8515e6f59ba6ce02f5cea27fa04e87b0n,
];

const padded = (...ids: readonly bigint[]): bigint[] => [
  ...ids,
  ...Array.from({ length: MEMBERS_MAX - ids.length }, () => 0n),
];

describe("members", () => {
  it("of a new cluster are derived from its constants, its id and the index", () => {
    expect(rootMembers(PRODUCTION_CLUSTER, 0n)).toEqual(PRODUCTION_IDS);
    expect(rootMembers(TEST_MIN_CLUSTER, 0n)).toEqual(TEST_MIN_IDS);
    expect(rootMembers(TEST_MIN_CLUSTER, 1n)).not.toContain(TEST_MIN_IDS[0]);
  });

  it("are valid if they differ and zeros only trail", () => {
    expect(validMembers(padded())).toBe(true);
    expect(validMembers(padded(4n, 1n, 2n))).toBe(true);
    expect(validMembers(TEST_MIN_IDS)).toBe(true);
    expect(validMembers(padded(4n, 1n, 4n))).toBe(false);
    expect(validMembers(padded(4n, 0n, 2n))).toBe(false);
    expect(validMembers(padded(0n, 1n))).toBe(false);
  });

  it("are counted and found by id", () => {
    expect(memberCount(padded(4n, 1n))).toBe(2);
    expect(memberCount(TEST_MIN_IDS)).toBe(MEMBERS_MAX);
    expect(memberIndex(padded(4n, 1n), 1n)).toBe(1);
    expect(memberIndex(padded(4n, 1n), 2n)).toBe(null);
  });
});
