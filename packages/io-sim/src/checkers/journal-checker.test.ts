import { assert } from "@stagbeetle/kernels";
import { HEADER_SIZE_BYTES, PrepareHeader, SECTOR_SIZE_BYTES, TEST_MIN, zoneStart } from "@stagbeetle/vsr-protocol";
import { describe, expect, test } from "vitest";

import { Stage } from "../../test/stage.ts";
import { checkJournal } from "./journal-checker.ts";

const OP = 2;
const PREPARE_OFFSET = zoneStart(TEST_MIN, "walPrepares") + OP * TEST_MIN.cluster.messageSizeMax;
const HEADERS_OFFSET = zoneStart(TEST_MIN, "walHeaders");

/** A replica at rest, of whose disk one sector was changed. */
function changed(offset: number, change: (sector: Uint8Array) => void): Stage {
  const stage = Stage.serving();
  stage.request(3);
  const { disk } = stage.cluster.machine;
  const sector = new Uint8Array(SECTOR_SIZE_BYTES);
  disk.readPristine(offset, sector);
  change(sector);
  disk.write(offset, sector);
  return stage;
}

describe("a log", () => {
  test("in order is left alone", () => {
    checkJournal(changed(PREPARE_OFFSET, () => undefined).cluster.machine);
  });

  test.each<[string, number, (sector: Uint8Array) => void, string]>([
    ["a prepare is another one", PREPARE_OFFSET, (sector) => sector.fill(1, 0, 16), "op 2 is not dirty, and not on"],
    [
      "a redundant header is another one",
      HEADERS_OFFSET,
      (sector) => sector.fill(1, OP * HEADER_SIZE_BYTES, OP * HEADER_SIZE_BYTES + 16),
      "op 2 is not dirty, and its header is not on the disk",
    ],
    [
      "there is something behind a prepare",
      PREPARE_OFFSET,
      (sector) => {
        const { size } = new PrepareHeader(sector);
        assert(size < SECTOR_SIZE_BYTES, () => `a prepare of ${size} bytes`);
        sector[size] = 1;
      },
      "the padding of op 2 is not zero",
    ],
  ])("is found out if %s", (_, offset, change, message) => {
    expect(() => checkJournal(changed(offset, change).cluster.machine)).toThrow(message);
  });
});
