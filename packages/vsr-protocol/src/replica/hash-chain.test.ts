import { expect, test } from "vitest";
import { prepareHeader } from "../../test/builders.ts";
import { PRODUCTION } from "../config/production.ts";
import type { Config } from "../config/config.ts";
import { TEST_MIN } from "../config/test-min.ts";
import { HEADER_SIZE_BYTES } from "../message/frame.ts";
import { PrepareHeader } from "../message/prepare.ts";
import { writeRootPrepare } from "../message/special-prepares.ts";
import { viewHeadersInvalid } from "../view-headers.ts";
import { chainBreak, chainStart, viewHeadersOfLog } from "./hash-chain.ts";

/** A log from the root up to `head`, highest op first. */
function logTo(head: number): PrepareHeader[] {
  const root = new PrepareHeader(new Uint8Array(HEADER_SIZE_BYTES));
  writeRootPrepare(root, 0n);
  const headers = [root];
  for (let op = 1; op <= head; op += 1) headers.unshift(prepareHeader({ op, parent: headers[0]?.checksum ?? 0n }));
  return headers;
}

function journalOf(headers: readonly PrepareHeader[]): { headerWithOp(op: number): PrepareHeader | null } {
  return { headerWithOp: (op) => headers.find((header) => header.op === op) ?? null };
}

function opsOf(config: Config, headers: readonly PrepareHeader[], opMax: number, opPrepareMax: number): number[] {
  const list = viewHeadersOfLog(config, journalOf(headers), { opMax, opPrepareMax });
  expect(viewHeadersInvalid(config, "view", list)).toBeNull();
  return list.map(({ op }) => op);
}

test("an unbroken log begins where it is asked to", () => {
  const journal = journalOf(logTo(9));
  expect(chainStart(journal, 9, 0)).toBe(0);
  expect(chainStart(journal, 9, 4)).toBe(4);
  expect(chainStart(journal, 0, 0)).toBe(0);
});

test("a missing op ends the chain", () => {
  const journal = journalOf(logTo(9).filter(({ op }) => op !== 5));
  expect(chainStart(journal, 9, 0)).toBe(6);
});

test("an op that is not the parent of the next ends the chain", () => {
  const headers = logTo(9).map((header) => (header.op === 5 ? prepareHeader({ op: 5, parent: 77n }) : header));
  expect(chainStart(journalOf(headers), 9, 0)).toBe(6);
});

test("a log goes down to its checkpoint, whose own prepare may be overwritten", () => {
  const headers = logTo(9);
  const checkpoint = prepareHeader({ op: 3, parent: headers.find(({ op }) => op === 2)?.checksum ?? 0n });
  for (const opMin of [0, 3, 4]) {
    const journal = journalOf(headers.filter(({ op }) => op >= opMin));
    expect(chainBreak(journal, 9, checkpoint)).toBeNull();
    expect(chainBreak(journal, 4, checkpoint)).toBeNull();
  }
  expect(chainBreak(journalOf(headers), 3, checkpoint)).toBeNull();
});

test("a log that does not reach its checkpoint, or reaches another one, is broken", () => {
  const headers = logTo(9);
  const checkpoint = prepareHeader({ op: 3, parent: headers.find(({ op }) => op === 2)?.checksum ?? 0n });
  expect(chainBreak(journalOf(headers.filter(({ op }) => op !== 5)), 9, checkpoint)).toBe(6);
  expect(chainBreak(journalOf(headers.filter(({ op }) => op !== 4)), 9, checkpoint)).toBe(5);
  const other = prepareHeader({ op: 3, parent: 77n });
  expect(chainBreak(journalOf(headers), 9, other)).toBe(4);
  expect(chainBreak(journalOf(headers), 3, other)).toBe(3);
});

test("a short log is listed whole", () => {
  expect(opsOf(TEST_MIN, logTo(2), 2, 31)).toEqual([2, 1, 0]);
});

test("a longer log is listed by its newest headers and two hooks", () => {
  // prepare_max 31 and 20 ops between checkpoints: the hooks are ops 11 and 0.
  expect(opsOf(TEST_MIN, logTo(20), 20, 31)).toEqual([20, 19, 18, 17, 16, 11, 0]);
});

test("a hook among the newest headers is not listed twice", () => {
  expect(opsOf(TEST_MIN, logTo(12), 12, 31)).toEqual([12, 11, 10, 9, 8, 0]);
});

test("hooks stay within the unbroken log", () => {
  const headers = logTo(50).filter(({ op }) => op > 30);
  expect(opsOf(TEST_MIN, headers, 50, 51)).toEqual([50, 49, 48, 47, 46, 31]);
});

test("in production the list has nine headers and two hooks", () => {
  expect(opsOf(PRODUCTION, logTo(990), 990, 1007)).toEqual([990, 989, 988, 987, 986, 985, 984, 983, 982, 47, 0]);
});
