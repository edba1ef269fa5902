import { HEADER_SIZE_BYTES, type Message, PrepareHeader, SECTOR_SIZE_BYTES, TEST_MIN } from "@stagbeetle/vsr-protocol";
import { describe, expect, test } from "vitest";
import {
  type Bench,
  formattedImage,
  garble,
  members,
  prepareHeader,
  prepareMessage,
  type PrepareOptions,
  recoverBench,
  recoveryAt,
  reservedHeader,
  SMALL,
} from "../test/builders.ts";
import type { SimulatedDisk } from "../test/simulated-disk.ts";
import { slotAt } from "./slot.ts";

/** A recovered journal of an empty log. */
function fresh(config = SMALL, solo = false): Bench {
  return recoverBench(config, formattedImage(config), recoveryAt({ solo }));
}

/** Puts a prepare into the headers and starts its write. The result arrives in the array. */
function append(bench: Bench, options: PrepareOptions): (Message | null)[] {
  const message = prepareMessage(bench.pool, options);
  const results: (Message | null)[] = [];
  bench.journal.setHeaderAsDirty(message.as(PrepareHeader));
  bench.journal.writePrepare(message, (result) => results.push(result));
  message.release();
  return results;
}

function appendAll(bench: Bench, options: readonly PrepareOptions[]): void {
  for (const option of options) {
    append(bench, option);
    bench.disk.drain();
  }
}

function read(bench: Bench, options: PrepareOptions, purpose: "commit" | "repair" = "commit"): (Message | null)[] {
  const results: (Message | null)[] = [];
  bench.journal.readPrepare(options.op, prepareHeader(options).checksum, purpose, (result) => results.push(result));
  return results;
}

/** Asks the disk, whatever the headers say. */
function readOnDisk(bench: Bench, op: number, checksum: bigint): (Message | null)[] {
  const results: (Message | null)[] = [];
  bench.journal.readPrepareWithOpAndChecksum(op, checksum, "repair", (message) => results.push(message));
  bench.disk.drain();
  return results;
}

function pendingZones({ pending }: SimulatedDisk): string[] {
  return pending.map(({ kind, zone, offset }) => `${kind} ${zone} ${offset}`);
}

function headerOnDisk(disk: SimulatedDisk, slot: number): PrepareHeader {
  return new PrepareHeader(disk.image.walHeaders, slot * HEADER_SIZE_BYTES);
}

describe("writing a prepare", () => {
  test("the prepare is durable before its header is written, and only then the slot is clean", () => {
    const bench = fresh();
    const { journal, disk } = bench;
    const results = append(bench, { op: 1, bodySize: 5000 });
    const header = prepareHeader({ op: 1, bodySize: 5000 });
    expect(pendingZones(disk)).toEqual([`write walPrepares ${SMALL.cluster.messageSizeMax}`]);
    expect(journal.writing(header)).toBe("exact");
    expect(journal.holdsPrepare(1, header.checksum)).toBe(false);

    disk.complete(0);
    expect(pendingZones(disk)).toEqual(["write walHeaders 0"]);
    expect(headerOnDisk(disk, 1).operation).toBe(0);
    expect(journal.holdsPrepare(1, header.checksum)).toBe(true);
    expect([journal.hasDirty(1), journal.hasPrepare(header), results.length]).toEqual([true, false, 0]);

    disk.complete(0);
    expect(headerOnDisk(disk, 1).checksum).toBe(header.checksum);
    expect([journal.hasDirty(1), journal.hasPrepare(header), results.length]).toEqual([false, true, 1]);
    expect(journal.writing(header)).toBe("none");
    expect(results[0]).not.toBe(null);
    expect(bench.pool.available).toBe(bench.pool.messagesMax);
  });

  test("only whole sectors up to the end of the prepare are written", () => {
    const bench = fresh();
    append(bench, { op: 1, bodySize: SECTOR_SIZE_BYTES - HEADER_SIZE_BYTES });
    append(bench, { op: 2, bodySize: SECTOR_SIZE_BYTES - HEADER_SIZE_BYTES + 1 });
    expect(bench.disk.pending.map(({ request }) => request.buffer.length / SECTOR_SIZE_BYTES)).toEqual([1, 2]);
  });

  test("a prepare that is on disk already is acknowledged at once", () => {
    const bench = fresh();
    appendAll(bench, [{ op: 1 }]);
    const again = prepareMessage(bench.pool, { op: 1 });
    const results: (Message | null)[] = [];
    bench.journal.writePrepare(again, (result) => results.push(result));
    expect(results).toEqual([again]);
    expect(bench.disk.pending).toEqual([]);
  });

  test("without a free write nothing happens, and the caller learns it at once", () => {
    const bench = fresh(TEST_MIN);
    const results = [1, 2, 3].map((op) => append(bench, { op }));
    expect(results).toEqual([[], [], [null]]);
    expect([bench.journal.writesPending, bench.journal.writeAvailable()]).toEqual([2, false]);
    bench.disk.drain();
    expect(members(bench.journal.dirty)).toEqual([3]);
    expect(bench.journal.writeAvailable()).toBe(true);
  });

  test("a write is free again when its callback runs", () => {
    const bench = fresh(TEST_MIN, true);
    const order: string[] = [];
    const first = prepareMessage(bench.pool, { op: 1 });
    bench.journal.setHeaderAsDirty(first.as(PrepareHeader));
    bench.journal.writePrepare(first, () => {
      order.push("first");
      append(bench, { op: 2 });
      order.push(`pending ${bench.journal.writesPending}`);
    });
    bench.disk.drain();
    expect(order).toEqual(["first", "pending 1"]);
    expect(bench.journal.hasPrepare(prepareHeader({ op: 2 }))).toBe(true);
  });

  test("headers of one sector are written one after the other, each with what was durable when it was queued", () => {
    const bench = fresh();
    const { disk } = bench;
    const results = [1, 2, 3].map((op) => append(bench, { op }));
    disk.complete(1); // op 2's prepare
    disk.complete(0); // op 1's prepare
    expect(pendingZones(disk)).toEqual([`write walPrepares ${3 * SMALL.cluster.messageSizeMax}`, "write walHeaders 0"]);
    disk.complete(1);
    expect([headerOnDisk(disk, 1).op, headerOnDisk(disk, 1).operation, headerOnDisk(disk, 2).operation]).toEqual([
      1, 0, 128,
    ]);
    expect(results.map(({ length }) => length)).toEqual([0, 1, 0]);
    expect(pendingZones(disk)).toEqual([`write walPrepares ${3 * SMALL.cluster.messageSizeMax}`, "write walHeaders 0"]);
    disk.drain();
    expect([1, 2, 3].map((slot) => headerOnDisk(disk, slot).operation)).toEqual([128, 128, 128]);
  });

  test("headers of different sectors are written at once", () => {
    const bench = fresh();
    appendAll(
      bench,
      Array.from({ length: 14 }, (_, index) => ({ op: index + 1 })),
    );
    append(bench, { op: 15 });
    append(bench, { op: 16 });
    bench.disk.complete(0);
    bench.disk.complete(0);
    expect(pendingZones(bench.disk)).toEqual(["write walHeaders 0", `write walHeaders ${SECTOR_SIZE_BYTES}`]);
  });

  test("a prepare that a view change replaced while it was written is not acknowledged, and its slot stays dirty", () => {
    const bench = fresh();
    const results = append(bench, { op: 1, view: 1 });
    bench.journal.setHeaderAsDirty(prepareHeader({ op: 1, view: 2 }));
    expect(bench.journal.writing(prepareHeader({ op: 1, view: 2 }))).toBe("slot");
    bench.disk.drain();
    expect(results).toEqual([null]);
    expect([bench.journal.hasDirty(1), bench.journal.hasFaulty(1)]).toEqual([true, false]);
    expect(bench.journal.holdsPrepare(1, prepareHeader({ op: 1, view: 1 }).checksum)).toBe(true);
    expect(headerOnDisk(bench.disk, 1).operation).toBe(0);
  });

  test("a prepare that was truncated while it was written leaves a dirty slot", () => {
    const bench = fresh();
    const results = append(bench, { op: 1 });
    bench.journal.removeEntriesFrom(1);
    expect(bench.journal.dirtyCount).toBe(0);
    bench.disk.drain();
    expect(results).toEqual([null]);
    expect(members(bench.journal.dirty)).toEqual([1]);
    expect(bench.journal.headerForOp(1)).toBe(null);
  });

  test("a prepare that was removed and came back while its header was written is not acknowledged", () => {
    const bench = fresh();
    const results = append(bench, { op: 1 });
    bench.disk.complete(0);
    bench.journal.removeEntry(1);
    bench.journal.setHeaderAsDirty(prepareHeader({ op: 1 }));
    bench.disk.drain();
    expect(results).toEqual([null]);
    expect(bench.journal.hasDirty(1)).toBe(true);
    // The prepare is on disk, so writing it again makes it good.
    const again = prepareMessage(bench.pool, { op: 1 });
    bench.journal.writePrepare(again, (result) => results.push(result));
    bench.disk.drain();
    expect(results[1]).toBe(again);
  });

  test("writing what is not in the headers is a mistake", () => {
    const bench = fresh();
    const message = prepareMessage(bench.pool, { op: 1 });
    expect(() => bench.journal.writePrepare(message, () => undefined)).toThrow("op 1 is not in the log");
  });

  test("a replica that is alone writes one prepare after the other", () => {
    const bench = fresh(SMALL, true);
    append(bench, { op: 1 });
    expect(() => append(bench, { op: 2 })).toThrow("one prepare after the other");
  });

  test("a prepare that is not padded with zeros never reaches the disk", () => {
    const bench = fresh();
    const message = prepareMessage(bench.pool, { op: 1, bodySize: 10 });
    message.buffer[HEADER_SIZE_BYTES + 10] = 1;
    bench.journal.setHeaderAsDirty(message.as(PrepareHeader));
    expect(() => bench.journal.writePrepare(message, () => undefined)).toThrow("padded with zeros");
  });

  test("a journal that is not recovered cannot be written", () => {
    const bench = fresh();
    const image = formattedImage(TEST_MIN);
    garble(image.walPrepares, 0, 256);
    const corrupt = recoverBench(TEST_MIN, image, recoveryAt({ solo: true }));
    const message = prepareMessage(bench.pool, { op: 1 });
    expect(() => corrupt.journal.writePrepare(message, () => undefined)).toThrow("the journal is unusable");
  });
});

describe("reading a prepare", () => {
  test("gives what was written, in a message that the reader owns", () => {
    const bench = fresh();
    const options = { op: 1, bodySize: 9000 };
    appendAll(bench, [options]);
    const results = read(bench, options);
    bench.disk.drain();
    const [message] = results;
    expect(message?.header.checksum).toBe(prepareHeader(options).checksum);
    expect(message?.body()).toEqual(prepareHeader(options).buffer.subarray(256, 9256));
    expect(message?.references).toBe(1);
    message?.release();
    expect(bench.pool.available).toBe(bench.pool.messagesMax);
  });

  test("a prepare without a body comes from memory, its sector padded with zeros", () => {
    const bench = fresh();
    appendAll(bench, [{ op: 1 }]);
    const stale = Array.from({ length: bench.pool.available }, () => bench.pool.acquire());
    for (const used of stale) used.buffer.fill(0xff);
    for (const used of stale) used.release();
    const [message] = read(bench, { op: 1 });
    expect(bench.disk.pending).toEqual([]);
    expect(message?.bytes()).toEqual(prepareHeader({ op: 1 }).buffer.subarray(0, 256));
    expect(message?.buffer.subarray(256, SECTOR_SIZE_BYTES).every((byte) => byte === 0)).toBe(true);
  });

  test("what the headers do not have is not read, unless only the disk is asked", () => {
    const bench = fresh();
    const options = { op: 1, bodySize: 10 };
    appendAll(bench, [options]);
    bench.journal.removeEntry(1);
    expect(read(bench, options)).toEqual([null]);
    const results: (Message | null)[] = [];
    bench.journal.readPrepareWithOpAndChecksum(1, prepareHeader(options).checksum, "repair", (message) =>
      results.push(message),
    );
    expect(bench.disk.pending[0]?.request.buffer.length).toBe(SMALL.cluster.messageSizeMax);
    bench.disk.drain();
    expect(results[0]?.header.checksum).toBe(prepareHeader(options).checksum);
  });

  test("what the disk does not hold is not read", () => {
    const bench = fresh();
    bench.journal.setHeaderAsDirty(prepareHeader({ op: 1, bodySize: 10 }));
    expect(read(bench, { op: 1, bodySize: 10 })).toEqual([null]);
    expect(bench.disk.pending).toEqual([]);
  });

  test("reads for repair leave two for committing", () => {
    const bench = fresh();
    const prepares = [1, 2, 3, 4].map((op) => ({ op, bodySize: 10 }));
    appendAll(bench, prepares);
    const repairs = prepares.map((options) => read(bench, options, "repair"));
    expect(repairs).toEqual([[], [], [null], [null]]);
    const commits = prepares.slice(2).map((options) => read(bench, options, "commit"));
    bench.disk.drain();
    expect(commits.map(([message]) => message?.as(PrepareHeader).op)).toEqual([3, 4]);
    expect(repairs.slice(0, 2).map(([message]) => message?.as(PrepareHeader).op)).toEqual([1, 2]);
  });

  test.each<[string, number, number]>([
    ["header", 40, 41],
    ["body", HEADER_SIZE_BYTES + 4000, HEADER_SIZE_BYTES + 4001],
    ["padding", HEADER_SIZE_BYTES + 5000, HEADER_SIZE_BYTES + 5001],
  ])("damage to the %s makes the slot dirty and faulty, and the prepare is not served any more", (_, start, end) => {
    const bench = fresh();
    const options = { op: 1, bodySize: 5000 };
    appendAll(bench, [options]);
    const slotStart = SMALL.cluster.messageSizeMax;
    garble(bench.disk.image.walPrepares, slotStart + start, slotStart + end);
    const results = read(bench, options);
    bench.disk.drain();
    expect(results).toEqual([null]);
    expect([bench.journal.hasDirty(1), bench.journal.hasFaulty(1)]).toEqual([true, true]);
    expect(bench.journal.holdsPrepare(1, prepareHeader(options).checksum)).toBe(false);
    expect(bench.pool.available).toBe(bench.pool.messagesMax);
  });

  test.each<[string, PrepareOptions]>([
    ["of another cluster", { op: 1, bodySize: 10, cluster: 99n }],
    ["of another op", { op: 33, bodySize: 10 }],
    ["of another view", { op: 1, bodySize: 10, view: 0 }],
  ])("a whole prepare %s in its place is damage", (_, other) => {
    const bench = fresh();
    appendAll(bench, [{ op: 1, bodySize: 10 }]);
    bench.disk.image.walPrepares.set(prepareHeader(other).buffer, SMALL.cluster.messageSizeMax);
    const results = read(bench, { op: 1, bodySize: 10 });
    bench.disk.drain();
    expect(results).toEqual([null]);
    expect(members(bench.journal.faulty)).toEqual([1]);
  });

  test("the right checksum with the op of another wrap gives nothing, and is no damage", () => {
    const bench = fresh();
    const options = { op: 1, bodySize: 10 };
    const header = prepareHeader(options);
    appendAll(bench, [options]);
    expect(readOnDisk(bench, 33, header.checksum)).toEqual([null]);
    expect([bench.journal.hasPrepare(header), bench.journal.dirtyCount]).toEqual([true, 0]);
    expect(readOnDisk(bench, 1, header.checksum)).not.toEqual([null]);
  });

  test("damage that is found under the op of another wrap is that of the slot", () => {
    const bench = fresh();
    const options = { op: 1, bodySize: 10 };
    appendAll(bench, [options]);
    garble(bench.disk.image.walPrepares, SMALL.cluster.messageSizeMax, SMALL.cluster.messageSizeMax + 10);
    expect(readOnDisk(bench, 33, prepareHeader(options).checksum)).toEqual([null]);
    expect(bench.journal.hasPrepare(prepareHeader(options))).toBe(false);
    expect([members(bench.journal.dirty), members(bench.journal.faulty)]).toEqual([[1], [1]]);
  });

  test("a prepare that is repaired is clean again", () => {
    const bench = fresh();
    const options = { op: 1, bodySize: 10 };
    appendAll(bench, [options]);
    garble(bench.disk.image.walPrepares, SMALL.cluster.messageSizeMax, SMALL.cluster.messageSizeMax + 10);
    read(bench, options);
    bench.disk.drain();
    appendAll(bench, [options]);
    expect([bench.journal.dirtyCount, bench.journal.faultyCount]).toEqual([0, 0]);
    const results = read(bench, options);
    bench.disk.drain();
    expect(results[0]?.as(PrepareHeader).op).toBe(1);
  });

  test("a prepare is not read any more once its slot is being overwritten", () => {
    const bench = fresh();
    const old = { op: 1, bodySize: 10 };
    appendAll(bench, [old]);
    append(bench, { op: 33, bodySize: 10 });
    const { checksum } = prepareHeader(old);
    expect(bench.journal.holdsPrepare(1, checksum)).toBe(false);
    const results: (Message | null)[] = [];
    bench.journal.readPrepareWithOpAndChecksum(1, checksum, "repair", (message) => results.push(message));
    expect(results).toEqual([null]);
  });

  test("a prepare that is overwritten while it is read is not given, and is no damage", () => {
    const bench = fresh();
    const old = { op: 1, bodySize: 10 };
    appendAll(bench, [old]);
    const results = read(bench, old);
    append(bench, { op: 33, bodySize: 5000 });
    bench.disk.complete(1);
    bench.disk.drain();
    expect(results).toEqual([null]);
    expect([bench.journal.dirtyCount, bench.journal.faultyCount]).toEqual([0, 0]);
  });

  test("a prepare that is written again while it is read is not given either", () => {
    const bench = fresh();
    const options = { op: 1, bodySize: 10 };
    appendAll(bench, [options]);
    bench.journal.removeEntry(1);
    bench.journal.setHeaderAsDirty(prepareHeader(options));
    const results = read(bench, options);
    append(bench, options);
    // The write is done before the read, so the disk holds the same prepare again.
    bench.disk.complete(1);
    bench.disk.complete(1);
    bench.disk.drain();
    expect(results).toEqual([null]);
    expect([bench.journal.dirtyCount, bench.journal.faultyCount]).toEqual([0, 0]);
  });
});

describe("editing the headers", () => {
  test("a header that is there already changes nothing", () => {
    const bench = fresh();
    const header = prepareHeader({ op: 1 });
    bench.journal.setHeaderAsDirty(header);
    bench.journal.setHeaderAsDirty(header);
    expect(members(bench.journal.dirty)).toEqual([1]);
    appendAll(bench, [{ op: 1 }]);
    expect(() => bench.journal.setHeaderAsDirty(header)).toThrow("op 1 is on disk");
  });

  test("an older op never replaces a newer one", () => {
    const bench = fresh();
    bench.journal.setHeaderAsDirty(prepareHeader({ op: 33 }));
    expect(() => bench.journal.setHeaderAsDirty(prepareHeader({ op: 1 }))).toThrow("op 1 would replace op 33");
  });

  test("a faulty slot stays faulty under the first header that it gets, and not under one that replaces that", () => {
    const image = formattedImage(SMALL);
    garble(image.walPrepares, 3 * SMALL.cluster.messageSizeMax, 3 * SMALL.cluster.messageSizeMax + 256);
    const { journal } = recoverBench(SMALL, image);
    journal.setHeaderAsDirty(prepareHeader({ op: 3, view: 0 }));
    expect([journal.hasDirty(3), journal.hasFaulty(3)]).toEqual([true, true]);
    journal.setHeaderAsDirty(prepareHeader({ op: 3, view: 1 }));
    expect([journal.hasDirty(3), journal.hasFaulty(3)]).toEqual([true, false]);
    expect(journal.headersRedundant.at(slotAt(3, 32)).operation).toBe(0);
  });

  test("truncation empties every slot from an op on, and forgets nothing that is on disk", () => {
    const bench = fresh();
    appendAll(
      bench,
      [1, 2, 3, 4].map((op) => ({ op })),
    );
    bench.journal.removeEntriesFrom(3);
    expect(bench.journal.opMaximum()).toBe(2);
    expect(bench.journal.dirtyCount).toBe(0);
    expect(bench.journal.holdsPrepare(3, prepareHeader({ op: 3 }).checksum)).toBe(true);
    expect(bench.journal.headers.at(slotAt(3, 32)).checksum).toBe(reservedHeader(3).checksum);
  });

  test("dirty slots outside the log are emptied, around the end of the ring", () => {
    const { journal } = fresh();
    for (const op of [2, 9, 30, 31]) journal.setHeaderAsDirty(prepareHeader({ op }));
    journal.removeDirtyOutside(30, 36);
    expect(members(journal.dirty)).toEqual([2, 30, 31]);
    journal.removeDirtyOutside(5, 5 + SMALL.cluster.journalSlotCount);
    expect(members(journal.dirty)).toEqual([2, 30, 31]);
  });

  test("each question about headers has its own strictness", () => {
    const bench = fresh();
    appendAll(bench, [{ op: 33 }]);
    const { journal } = bench;
    expect(journal.headerForOp(1)?.op).toBe(33);
    expect(journal.headerWithOp(1)).toBe(null);
    expect(journal.headerWithOp(33)?.op).toBe(33);
    expect(journal.headerWithOpAndChecksum(33, 1n)).toBe(null);
    expect(journal.hasHeader(prepareHeader({ op: 33 }))).toBe(true);
    expect(journal.headerForOp(2)).toBe(null);
  });
});

test("a journal describes itself in one line", () => {
  const bench = fresh();
  appendAll(bench, [{ op: 1 }]);
  for (const op of [5, 6, 7, 10]) bench.journal.setHeaderAsDirty(prepareHeader({ op }));
  append(bench, { op: 11 });
  expect(bench.journal.describe()).toBe(
    "journal recovered, head 11, 7 of 32 slots used, dirty 5 (5-7, 10-11), faulty 0, writing 1 of 4, reading 0 of 4",
  );
});
