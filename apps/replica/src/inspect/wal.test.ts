import {
  Checksums,
  Command,
  HEADER_SIZE_BYTES,
  initHeader,
  PrepareHeader,
  PRODUCTION,
  SECTOR_SIZE_BYTES,
  writeReservedPrepare,
} from "@stagbeetle/vsr-protocol";
import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { walSlotDamage } from "./integrity.ts";
import { walSlot, walText } from "./wal.ts";

const checksums = new Checksums();
const BODY_SIZE_BYTES = 16;

/** A sector with a prepare of `op`. */
function prepareOf(op: number): Uint8Array {
  const bytes = new Uint8Array(SECTOR_SIZE_BYTES).fill(7, HEADER_SIZE_BYTES, HEADER_SIZE_BYTES + BODY_SIZE_BYTES);
  const header = new PrepareHeader(bytes);
  initHeader(header, Command.prepare, 0n);
  header.size = HEADER_SIZE_BYTES + BODY_SIZE_BYTES;
  header.op = op;
  header.view = 3;
  header.operation = 147;
  checksums.setBody(header, bytes.subarray(HEADER_SIZE_BYTES, header.size));
  checksums.set(header);
  return bytes;
}

const headerOf = (prepare: Uint8Array): Uint8Array => prepare.slice(0, HEADER_SIZE_BYTES);

describe("a slot of the write-ahead log", () => {
  test("is one line if header and prepare agree", () => {
    const prepare = prepareOf(5);
    const text = walText({ slots: [walSlot(5, headerOf(prepare), prepare, checksums)] });
    expect(text).toMatch(
      /^\|\|___5: checksum=0x[0-9a-f]{32} release=0\.0\.0 view=3 op=5 size=272 operation=create_transfers \n$/u,
    );
    expect(walSlotDamage(headerOf(prepare), prepare, checksums)).toEqual([]);
  });

  test("that was never used has a reserved header", () => {
    const bytes = new Uint8Array(SECTOR_SIZE_BYTES);
    writeReservedPrepare(new PrepareHeader(bytes), 0n, 1023);
    const text = walText({ slots: [walSlot(1023, headerOf(bytes), bytes, checksums)] });
    expect(text).toMatch(/^\|\|1023: .* op=1023 size=256 operation=reserved \n$/u);
  });

  test("is two lines if the prepare is another one", () => {
    const slot = walSlot(5, headerOf(prepareOf(5)), prepareOf(1029), checksums);
    expect(slot.entries.map(({ marks, op }) => [marks, op])).toEqual([
      ["|_", 5n],
      ["_|", 1029n],
    ]);
    expect(walSlotDamage(headerOf(prepareOf(5)), prepareOf(1029), checksums)).toEqual([
      "the redundant header is that of op 5, the prepare has op 1029",
    ]);
  });

  test("with a damaged body is marked, though both headers agree", () => {
    const prepare = prepareOf(5);
    prepare[HEADER_SIZE_BYTES] = 8;
    expect(walSlot(5, headerOf(prepare), prepare, checksums).entries.map(({ marks }) => marks)).toEqual(["|X"]);
    expect(walSlotDamage(headerOf(prepare), prepare, checksums)).toEqual(["the prepare is damaged"]);
  });

  test("can hold anything", () => {
    const bytes = fc.uint8Array({ minLength: HEADER_SIZE_BYTES, maxLength: HEADER_SIZE_BYTES });
    fc.assert(
      fc.property(bytes, bytes, (redundant, prepare) => {
        const slot = walSlot(0, redundant, prepare, checksums);
        expect(walText({ slots: [slot] }).split("\n")).toHaveLength(slot.entries.length + 1);
        expect(walSlotDamage(redundant, prepare, checksums)).toHaveLength(2);
      }),
      { numRuns: 200 },
    );
  });

  test("has a size that a header can only claim", () => {
    const prepare = prepareOf(5);
    new PrepareHeader(prepare).size = PRODUCTION.cluster.messageSizeMax + 1;
    checksums.set(new PrepareHeader(prepare));
    expect(walSlotDamage(headerOf(prepare), prepare, checksums)).toEqual(["the prepare is damaged"]);
  });
});
