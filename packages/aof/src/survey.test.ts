import { TEST_MIN } from "@stagbeetle/vsr-protocol";
import { expect, test } from "vitest";
import { chain, chainOf, fileOf, joined, RELEASE } from "../test/log.ts";
import { MemoryFile } from "./memory-file.ts";
import { Survey, type SurveyReport } from "./survey.ts";

function surveyed(bytes: Uint8Array): SurveyReport {
  const survey = new Survey({ config: TEST_MIN, file: new MemoryFile({ bytes }) });
  while (survey.next().kind !== "end");
  return survey.report();
}

test("a chain is counted by its operations, and by what a replay sends of it", () => {
  const report = surveyed(
    fileOf(
      chain([
        { operation: 4, body: new Uint8Array(0) },
        { operation: 146, body: new Uint8Array(9) },
        { operation: 147, release: RELEASE - 1, body: new Uint8Array(300) },
        { operation: 140, body: new Uint8Array(500) },
      ]),
    ),
  );
  expect([report.entries, report.opFirst, report.opLast, report.cluster, report.foreign]).toEqual([4, 1, 4, 7n, 0]);
  expect([...report.operations]).toEqual([
    [4, 1],
    [146, 1],
    [147, 1],
    [140, 1],
  ]);
  expect([report.replayable, report.replayableReleases, report.replayableBodySizeMax]).toEqual([
    2,
    [RELEASE - 1, RELEASE],
    300,
  ]);
  expect(report.faults).toEqual([]);
});

test("each fault is told once, with the ops around it", () => {
  const [one = new Uint8Array(), two = new Uint8Array(), ...rest] = chainOf(6);
  const damagedTwo = fileOf([two]);
  damagedTwo[272] = (damagedTwo[272] ?? 0) ^ 1;
  const { faults, faultCounts } = surveyed(
    joined([fileOf([one]), damagedTwo, fileOf(rest), fileOf([one]), new Uint8Array(9)]),
  );
  expect(faults.map(({ fault, sizeBytes, opBefore, opAfter }) => [fault, sizeBytes, opBefore, opAfter])).toEqual([
    ["AOFBodyChecksumMismatch", 274, 1, 3],
    ["AOFChecksumChainMismatch", 0, 6, 1],
    ["AOFShortRead", 9, 1, null],
  ]);
  expect([...faultCounts.values()]).toEqual([1, 1, 1]);
});

test("entries of another cluster are counted", () => {
  expect(surveyed(joined([fileOf(chainOf(2)), fileOf(chain([{}, {}], 8n))])).foreign).toBe(2);
});

test("all faults are counted, the first hundred are kept", () => {
  const piece = joined([fileOf(chainOf(1)), Uint8Array.of(0)]);
  const { faults, faultCounts } = surveyed(joined(Array.from({ length: 250 }, () => piece)));
  const total = [...faultCounts.values()].reduce((sum, count) => sum + count, 0);
  expect([faults.length, total]).toEqual([100, 250]);
});
