import {
  type Config,
  createConfig,
  HEADER_SIZE_BYTES,
  PrepareHeader,
  PRODUCTION_CLUSTER,
  PRODUCTION_PROCESS,
  SECTOR_SIZE_BYTES,
  TEST_MIN,
} from "@stagbeetle/vsr-protocol";
import { describe, expect, test } from "vitest";
import {
  CLUSTER,
  createBench,
  formattedImage,
  garble,
  members,
  prepareBytes,
  prepareHeader,
  putHeader,
  putOp,
  putPrepare,
  recoverBench,
  recoveryAt,
  reservedHeader,
  rootHeader,
  SMALL,
} from "../test/builders.ts";
import { copyImage, type Image, imagesEqual } from "../test/simulated-disk.ts";
import type { Journal } from "./journal.ts";

/** The production log with small messages, so that the whole of it fits a test. */
const LARGE: Config = createConfig(
  { ...PRODUCTION_CLUSTER, messageSizeMax: 20 * 1024, blockSize: 20 * 1024 },
  PRODUCTION_PROCESS,
  "large",
);

function garblePrepare(config: Config, image: Image, slot: number): void {
  const start = slot * config.cluster.messageSizeMax;
  garble(image.walPrepares, start, start + HEADER_SIZE_BYTES);
}

function garbleHeader(image: Image, slot: number): void {
  garble(image.walHeaders, slot * HEADER_SIZE_BYTES, (slot + 1) * HEADER_SIZE_BYTES);
}

/** A log of the first `opMax` ops, the later ones over the earlier. */
function imageOfOps(config: Config, opMax: number, bodySize = 100): Image {
  const image = formattedImage(config);
  for (let op = Math.max(1, opMax - config.cluster.journalSlotCount + 1); op <= opMax; op += 1) {
    putOp(config, image, { op, bodySize });
  }
  return image;
}

function headerOnDisk(image: Image, slot: number): PrepareHeader {
  return new PrepareHeader(image.walHeaders, slot * HEADER_SIZE_BYTES);
}

function ops(journal: Journal, count: number): (number | null)[] {
  return Array.from({ length: count }, (_, slot) => journal.headerForOp(slot)?.op ?? null);
}

describe("recovery of a log without damage", () => {
  test("a formatted log has the root and is clean", () => {
    const { journal, result } = recoverBench(TEST_MIN, formattedImage(TEST_MIN));
    expect(result).toEqual({ outcome: "recovered" });
    expect(journal.headerWithOp(0)?.checksum).toBe(rootHeader().checksum);
    expect(journal.hasPrepare(rootHeader())).toBe(true);
    expect([journal.occupiedCount, journal.dirtyCount, journal.faultyCount, journal.opMaximum()]).toEqual([1, 0, 0, 0]);
  });

  test("recovery writes nothing if there is nothing to repair", () => {
    const image = formattedImage(TEST_MIN);
    const before = copyImage(image);
    const { disk } = recoverBench(TEST_MIN, image);
    expect(disk.writes).toBe(0);
    expect(imagesEqual(image, before)).toBe(true);
  });

  test("the callback never runs from inside the call", () => {
    const { journal, disk } = createBench(TEST_MIN, formattedImage(TEST_MIN));
    let done = false;
    journal.recover(recoveryAt(), () => (done = true));
    expect(done).toBe(false);
    expect(journal.status).toBe("recovering");
    disk.drain();
    expect(done).toBe(true);
    expect(journal.status).toBe("recovered");
  });

  test("prepares of several sectors are read whole", () => {
    const image = imageOfOps(SMALL, 20, 12_000);
    const { journal, result } = recoverBench(SMALL, image);
    expect(result.outcome).toBe("recovered");
    expect(journal.opMaximum()).toBe(20);
    expect(journal.dirtyCount).toBe(0);
  });

  test("after a wrap each slot has its newer op", () => {
    const recovery = recoveryAt({ opCheckpoint: 19, opPrepareMax: 51 });
    const { journal } = recoverBench(TEST_MIN, imageOfOps(TEST_MIN, 38), recovery);
    const expected = Array.from({ length: 32 }, (_, slot) => (slot <= 6 ? slot + 32 : slot));
    expect(ops(journal, 32)).toEqual(expected);
    expect(journal.dirtyCount).toBe(0);
  });

  test("what lies behind a prepare's last sector means nothing", () => {
    const image = imageOfOps(SMALL, 5);
    const start = 3 * SMALL.cluster.messageSizeMax;
    garble(image.walPrepares, start + SECTOR_SIZE_BYTES, start + 2 * SECTOR_SIZE_BYTES);
    expect(recoverBench(SMALL, image).journal.faultyCount).toBe(0);
  });
});

describe("recovery of a damaged log", () => {
  /** Spec 04 §29.6. */
  function damagedImage(): Image {
    const image = formattedImage(LARGE);
    putOp(LARGE, image, { op: 1 });
    garbleHeader(image, 2);
    putPrepare(LARGE, image, 2, prepareBytes({ op: 2 }));
    putPrepare(LARGE, image, 3, prepareBytes({ op: 3 }));
    putHeader(image, 4, prepareHeader({ op: 4 }));
    garblePrepare(LARGE, image, 4);
    putHeader(image, 5, prepareHeader({ op: 5 }));
    putHeader(image, 6, prepareHeader({ op: 6, view: 0 }));
    putPrepare(LARGE, image, 6, prepareBytes({ op: 6, view: 1 }));
    putHeader(image, 7, prepareHeader({ op: 7 }));
    putPrepare(LARGE, image, 7, prepareBytes({ op: 1031 }));
    putHeader(image, 8, prepareHeader({ op: 1032 }));
    putPrepare(LARGE, image, 8, prepareBytes({ op: 8 }));
    putHeader(image, 9, prepareHeader({ op: 1033 }));
    garblePrepare(LARGE, image, 10);
    garbleHeader(image, 11);
    garblePrepare(LARGE, image, 11);
    return image;
  }
  const recovery = recoveryAt({ opPrepareMax: 1007 });

  test("each kind of damage is decided as the specification's example says", () => {
    const { journal, result } = recoverBench(LARGE, damagedImage(), recovery);
    expect(result).toEqual({ outcome: "recovered" });
    expect(members(journal.faulty)).toEqual([2, 4, 5, 6, 10, 11]);
    expect(members(journal.dirty)).toEqual([2, 4, 5, 6, 10, 11]);
    expect(ops(journal, 12)).toEqual([0, 1, null, 3, null, null, null, null, null, null, null, null]);
  });

  test("the slot to fix is dirty until its header sector is written", () => {
    const { journal, disk } = createBench(LARGE, damagedImage());
    journal.recover(recovery, () => undefined);
    while (disk.pending.some(({ kind }) => kind === "read")) disk.complete(0);
    expect(disk.pending.map(({ kind, zone, offset }) => ({ kind, zone, offset }))).toEqual([
      { kind: "write", zone: "walHeaders", offset: 0 },
    ]);
    disk.drain();
    expect(disk.writes).toBe(1);
    expect(journal.status).toBe("recovered");
  });

  test("the fix puts the prepare's header on disk, empties cut slots and leaves faulty ones as they were", () => {
    const image = damagedImage();
    const before = copyImage(image);
    recoverBench(LARGE, image, recovery);
    expect(headerOnDisk(image, 3).checksum).toBe(prepareHeader({ op: 3 }).checksum);
    for (const slot of [7, 8, 9]) expect(headerOnDisk(image, slot).checksum).toBe(reservedHeader(slot).checksum);
    for (const slot of [2, 4, 5, 6, 10, 11]) {
      const [start, end] = [slot * HEADER_SIZE_BYTES, (slot + 1) * HEADER_SIZE_BYTES];
      expect(image.walHeaders.slice(start, end)).toEqual(before.walHeaders.slice(start, end));
    }
    expect(Buffer.compare(image.walPrepares, before.walPrepares)).toBe(0);
  });

  test("a valid prepare on disk can be served whatever was decided about its slot", () => {
    const { journal } = recoverBench(LARGE, damagedImage(), recovery);
    const served: readonly (readonly [number, number, number])[] = [
      [2, 2, 1],
      [6, 6, 1],
      [7, 1031, 1],
      [8, 8, 1],
    ];
    for (const [, op, view] of served)
      expect(journal.holdsPrepare(op, prepareHeader({ op, view }).checksum)).toBe(true);
    for (const op of [4, 5, 9, 10, 11]) expect(journal.holdsPrepare(op, prepareHeader({ op }).checksum)).toBe(false);
  });

  test("slots in which a torn append hit an older prepare are dropped, and a replica that is alone starts", () => {
    const image = imageOfOps(LARGE, 3004);
    for (const slot of [957, 959]) garblePrepare(LARGE, image, slot);
    const given = recoveryAt({ opCheckpoint: 2879, opPrepareMax: 3887, solo: true });
    const { journal, result } = recoverBench(LARGE, image, given);
    expect(result).toEqual({ outcome: "recovered" });
    expect(journal.opMaximum()).toBe(3004);
    expect([journal.headerForOp(957), journal.headerForOp(959)]).toEqual([null, null]);
    expect(journal.headerForOp(958)?.op).toBe(1982);
    expect([journal.dirtyCount, journal.faultyCount]).toEqual([0, 0]);
  });

  test("in the first wrap a replica that is alone drops the torn append after its head, and starts", () => {
    const image = imageOfOps(LARGE, 24);
    garblePrepare(LARGE, image, 25);
    const { journal, disk, result } = recoverBench(LARGE, image, { ...recovery, solo: true });
    expect(result).toEqual({ outcome: "recovered" });
    expect([journal.opMaximum(), journal.dirtyCount, journal.faultyCount]).toEqual([24, 0, 0]);
    expect(journal.headerForOp(25)).toBeNull();
    expect(disk.writes).toBe(0);
  });

  test("any other damage is fatal for a replica that is alone, and changes nothing on disk", () => {
    const image = imageOfOps(LARGE, 24);
    garblePrepare(LARGE, image, 26);
    // What it could fix it leaves alone.
    garbleHeader(image, 24);
    const before = copyImage(image);
    const { journal, disk, result } = recoverBench(LARGE, image, { ...recovery, solo: true });
    expect(result).toEqual({ outcome: "WALCorrupt", slot: 26, faultyCount: 1 });
    expect(journal.status).toBe("unusable");
    expect(disk.writes).toBe(0);
    expect(imagesEqual(image, before)).toBe(true);
  });

  test("a log of which nothing can be believed is invalid", () => {
    const image = formattedImage(TEST_MIN);
    garble(image.walHeaders, 0, image.walHeaders.length);
    garble(image.walPrepares, 0, image.walPrepares.length);
    for (const solo of [true, false]) {
      expect(recoverBench(TEST_MIN, copyImage(image), recoveryAt({ solo })).result).toEqual({ outcome: "WALInvalid" });
    }
  });

  test("a log of another cluster is invalid", () => {
    const { result } = recoverBench(TEST_MIN, formattedImage(TEST_MIN, CLUSTER + 1n), recoveryAt());
    expect(result).toEqual({ outcome: "WALInvalid" });
  });

  test.each<[string, (image: Image) => void]>([
    ["@H", (image) => putOp(TEST_MIN, image, { op: 37 })],
    ["@I", (image) => putHeader(image, 5, prepareHeader({ op: 37 }))],
    ["@J", (image) => putHeader(image, 9, prepareHeader({ op: 41 }))],
  ])("a replica that is alone does not start with ops above what it can have written: %s", (label, damage) => {
    const image = imageOfOps(TEST_MIN, 6);
    damage(image);
    const { result, disk } = recoverBench(TEST_MIN, image, recoveryAt({ solo: true }));
    expect(result).toEqual({ outcome: "WALAhead", slot: label === "@J" ? 9 : 5 });
    expect(disk.writes).toBe(0);
  });

  test("a replica with peers drops ops above what it may replay", () => {
    const image = imageOfOps(TEST_MIN, 36);
    const { journal, result } = recoverBench(TEST_MIN, image, recoveryAt());
    expect(result).toEqual({ outcome: "recovered" });
    expect(journal.opMaximum()).toBe(31);
    expect(ops(journal, 6)).toEqual([null, null, null, null, null, 5]);
    expect(journal.faultyCount).toBe(0);
  });

  test("a prepare whose padding is not zero is damaged", () => {
    const image = imageOfOps(SMALL, 5, 100);
    image.walPrepares[3 * SMALL.cluster.messageSizeMax + HEADER_SIZE_BYTES + 100] = 1;
    expect(members(recoverBench(SMALL, image).journal.faulty)).toEqual([3]);
  });

  test("a prepare of which only the last sector is damaged is damaged", () => {
    const image = imageOfOps(SMALL, 5, 12_000);
    image.walPrepares[3 * SMALL.cluster.messageSizeMax + HEADER_SIZE_BYTES + 11_999] = 0;
    expect(members(recoverBench(SMALL, image).journal.faulty)).toEqual([3]);
  });

  test("a header whose checksum is right but whose size is not that of a message is damaged", () => {
    const image = imageOfOps(SMALL, 5);
    const bytes = new Uint8Array(20 * 1024);
    bytes.set(prepareBytes({ op: 3, bodySize: 17_000 }));
    putPrepare(SMALL, image, 3, bytes.subarray(0, SMALL.cluster.messageSizeMax));
    expect(members(recoverBench(SMALL, image).journal.faulty)).toEqual([3]);
  });
});

describe("prepares of views that the superblock does not know", () => {
  test.each([
    { why: "above the newest view header, in an older view", op: 9, view: 1, kept: false },
    { why: "above the newest view header, in the log's view", op: 9, view: 3, kept: true },
    { why: "above the newest view header, in a newer view", op: 9, view: 4, kept: false },
    { why: "of a view header's op, in another view", op: 8, view: 3, kept: false },
    { why: "of a view header's op, in its view", op: 8, view: 2, kept: true },
    { why: "below all view headers, in an older view", op: 3, view: 1, kept: true },
    { why: "below all view headers, in a newer view", op: 3, view: 3, kept: false },
  ])("$why: kept is $kept", ({ op, view, kept }) => {
    const image = formattedImage(TEST_MIN);
    putOp(TEST_MIN, image, { op, view });
    const viewHeaders = [prepareHeader({ op: 8, view: 2 }), prepareHeader({ op: 7, view: 2 })];
    const { journal, disk } = recoverBench(TEST_MIN, image, recoveryAt({ view: 3, logView: 3, viewHeaders }));
    expect(journal.headerWithOp(op) !== null).toBe(kept);
    // It is dropped in memory only, and can still be served.
    expect(disk.writes).toBe(0);
    expect(journal.holdsPrepare(op, prepareHeader({ op, view }).checksum)).toBe(true);
    expect([journal.hasDirty(op), journal.hasFaulty(op)]).toEqual([false, false]);
  });

  test("a dropped prepare is not fixed", () => {
    const image = formattedImage(TEST_MIN);
    putPrepare(TEST_MIN, image, 9, prepareBytes({ op: 9, view: 2 }));
    const { journal, disk } = recoverBench(TEST_MIN, image, recoveryAt());
    expect(journal.headerWithOp(9)).toBe(null);
    expect(disk.writes).toBe(0);
  });
});

describe("a second recovery", () => {
  test("decides as the first did, although neighbours' headers were written in between", () => {
    // Slots 2 and 3 are damaged in ways that an empty header on disk would make look clean, or trustworthy.
    const image = imageOfOps(TEST_MIN, 6);
    putPrepare(TEST_MIN, image, 2, prepareBytes({ op: 2, view: 0 }));
    const lost = reservedHeader(3);
    putPrepare(TEST_MIN, image, 3, lost.buffer.slice(0, HEADER_SIZE_BYTES));
    const first = recoverBench(TEST_MIN, image);
    expect(members(first.journal.faulty)).toEqual([2, 3]);

    const message = first.pool.acquire();
    const next = prepareBytes({ op: 7 });
    message.buffer.set(next);
    first.journal.setHeaderAsDirty(message.as(PrepareHeader));
    first.journal.writePrepare(message, () => message.release());
    first.disk.drain();
    const second = recoverBench(TEST_MIN, first.disk.image);
    expect(second.journal.opMaximum()).toBe(7);
    expect(members(second.journal.faulty)).toEqual([2, 3]);
  });
});
