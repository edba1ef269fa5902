import { HEADER_SIZE_BYTES, PrepareHeader, TEST_MIN } from "@stagbeetle/vsr-protocol";
import { expect, test } from "vitest";

import { SimulatedDisk } from "./disk.ts";
import { LogOnDisk } from "./log-on-disk.ts";

const SLOTS = TEST_MIN.cluster.journalSlotCount;

/** A prepare of 300 bytes. Only what finds it again is filled in. */
function prepare(op: number): Uint8Array {
  const bytes = new Uint8Array(HEADER_SIZE_BYTES + 44).fill(1, HEADER_SIZE_BYTES);
  Object.assign(new PrepareHeader(bytes), { op, checksum: BigInt(op), size: bytes.length });
  return bytes;
}

function logWith(...ops: readonly number[]): { readonly disk: SimulatedDisk; readonly log: LogOnDisk } {
  const disk = new SimulatedDisk();
  const log = new LogOnDisk(TEST_MIN, disk);
  for (const op of ops) log.write(prepare(op));
  return { disk, log };
}

test("a prepare that is written is found in both rings, in the slot of its op", () => {
  const { log } = logWith(1, 2, SLOTS + 1);
  const found = [1, 2, SLOTS + 1].map((op) => new PrepareHeader(prepare(op)));
  expect(found.map((header) => log.hasPrepare(header))).toEqual([false, true, true]);
  expect(found.map((header) => log.hasHeader(header))).toEqual([false, true, true]);
  expect(log.prepareHeader(1).op).toBe(SLOTS + 1);
});

test("bytes behind a prepare are found", () => {
  const { disk, log } = logWith(1);
  const header = new PrepareHeader(prepare(1));
  expect(log.padded(header)).toBe(true);
  disk.write(log.prepareOffset(1), new Uint8Array(4096).fill(1));
  expect(log.padded(header)).toBe(false);
});

test("a header that is changed or blanked leaves those beside it as they are, and comes back from its prepare if blanked", () => {
  const { disk, log } = logWith(1, 2, 3);
  const sector = new Uint8Array(4096);
  disk.readPristine(log.headerSectorOffset(2), sector);
  disk.write(log.headerSectorOffset(2), sector.fill(0, 2 * HEADER_SIZE_BYTES, 3 * HEADER_SIZE_BYTES));
  log.changeHeader(3);
  const headers = [1, 2, 3].map((op) => new PrepareHeader(prepare(op)));
  expect(headers.map((header) => log.hasHeader(header))).toEqual([true, false, false]);
  log.restoreHeaders();
  expect(headers.map((header) => log.hasHeader(header))).toEqual([true, true, false]);
});
