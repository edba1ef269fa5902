import {
  Random,
  SECTOR_SIZE_BYTES,
  sectorFloor,
  StorageRequest,
  TEST_MIN,
  type Zone,
  zoneStart,
} from "@stagbeetle/vsr-protocol";
import { beforeEach, describe, expect, it } from "vitest";

import { SimulatedDisk } from "./disk.ts";
import { ZonesFaultAtlas } from "./faults/atlas.ts";
import { ALWAYS, NO_STORAGE_FAULTS, type StorageFaults } from "./faults/storage-faults.ts";
import { SimulatedStorage } from "./storage.ts";

const REPLY_SIZE_BYTES = TEST_MIN.cluster.messageSizeMax;

function sector(fill: number): Uint8Array {
  return new Uint8Array(SECTOR_SIZE_BYTES).fill(fill);
}

let disk: SimulatedDisk;
beforeEach(() => {
  disk = new SimulatedDisk();
});

function storageWith(
  faults: Partial<StorageFaults>,
  seed = 1,
  zones: readonly Zone[] = ["clientReplies"],
): SimulatedStorage {
  const atlas = new ZonesFaultAtlas(TEST_MIN, zones);
  return new SimulatedStorage({
    config: TEST_MIN,
    disk,
    random: new Random(seed),
    faults: { ...NO_STORAGE_FAULTS, ...faults },
    atlas,
  });
}

function runUntilIdle(storage: SimulatedStorage): void {
  while (storage.pendingCount > 0) {
    while (storage.step());
    storage.tick();
  }
}

function write(storage: SimulatedStorage, offset: number, bytes: Uint8Array, zone: Zone = "clientReplies"): void {
  storage.writeSectors(new StorageRequest(() => undefined), zone, offset, bytes);
  runUntilIdle(storage);
}

function read(
  storage: SimulatedStorage,
  offset: number,
  sizeBytes = SECTOR_SIZE_BYTES,
  zone: Zone = "clientReplies",
): Uint8Array {
  const target = new Uint8Array(sizeBytes);
  storage.readSectors(new StorageRequest(() => undefined), zone, offset, target);
  runUntilIdle(storage);
  return target;
}

describe("SimulatedStorage", () => {
  it("never completes a request from inside the call that starts it", () => {
    const storage = storageWith({});
    let completed = false;
    const request = new StorageRequest(() => (completed = true));
    storage.writeSectors(request, "clientReplies", 0, sector(1));
    expect(completed).toBe(false);
    expect(request.pending).toBe(true);
    expect(storage.step()).toBe(true);
    expect(completed).toBe(true);
    expect(request.pending).toBe(false);
  });

  it("takes as long as its latency says", () => {
    const storage = storageWith({ readLatency: { minimumMicroseconds: 25_000, meanMicroseconds: 0 } });
    let completed = false;
    storage.readSectors(new StorageRequest(() => (completed = true)), "clientReplies", 0, sector(0));
    for (const ticks of [0, 1, 2]) {
      while (storage.step());
      expect(completed, `after ${ticks} ticks`).toBe(false);
      storage.tick();
    }
    while (storage.step());
    expect(completed).toBe(true);
  });

  it("runs deferred callbacks after the calls on the stack, also those that defer more", () => {
    const storage = storageWith({});
    const order: string[] = [];
    storage.nextTick(() => {
      order.push("first");
      storage.nextTick(() => order.push("third"));
    });
    storage.nextTick(() => order.push("second"));
    expect(order).toEqual([]);
    storage.step();
    expect(order).toEqual(["first", "second", "third"]);
  });

  it("rejects two writes of the same place at once, and reads of places in the log that were never written", () => {
    const storage = storageWith({});
    storage.writeSectors(new StorageRequest(() => undefined), "clientReplies", 0, sector(1));
    expect(() => storage.writeSectors(new StorageRequest(() => undefined), "clientReplies", 0, sector(2))).toThrow(
      /overlaps/,
    );
    expect(() => storage.readSectors(new StorageRequest(() => undefined), "walHeaders", 0, sector(0))).toThrow(
      /never written/,
    );
  });

  it("shows arbitrary bytes where replies were never written", () => {
    expect(read(storageWith({}), 0)).not.toEqual(sector(0));
  });

  it("damages a sector on reading and shows the same damage until it is written again", () => {
    write(storageWith({}), 0, sector(1));
    const faulty = storageWith({ readFault: ALWAYS });
    const damaged = read(faulty, 0);
    expect(damaged).not.toEqual(sector(1));
    faulty.faults = NO_STORAGE_FAULTS;
    expect(read(faulty, 0)).toEqual(damaged);
    write(faulty, 0, sector(1));
    expect(read(faulty, 0)).toEqual(sector(1));
    expect(faulty.counts.readFaults).toBe(1);
  });

  it("shows a misdirected write in the wrong place and the old bytes in the right one, until they are rewritten", () => {
    const plain = storageWith({});
    for (let slot = 0; slot < TEST_MIN.cluster.clientsMax; slot += 1)
      write(plain, slot * REPLY_SIZE_BYTES, sector(slot + 1));
    const misdirecting = storageWith({ writeMisdirect: ALWAYS }, 3);
    write(misdirecting, 0, sector(0xaa));
    expect(misdirecting.counts.misdirects).toBe(1);
    misdirecting.faults = NO_STORAGE_FAULTS;
    expect(read(misdirecting, 0)).toEqual(sector(1));
    const elsewhere = [1, 2, 3, 4, 5, 6].filter((slot) => read(misdirecting, slot * REPLY_SIZE_BYTES)[0] === 0xaa);
    expect(elsewhere).toHaveLength(1);
    write(misdirecting, 0, sector(0xbb));
    expect(read(misdirecting, 0)).toEqual(sector(0xbb));
    const [mistaken = 0] = elsewhere;
    write(misdirecting, mistaken * REPLY_SIZE_BYTES, sector(0xcc));
    expect(read(misdirecting, mistaken * REPLY_SIZE_BYTES)).toEqual(sector(0xcc));
  });

  it("leaves the zones alone that the atlas does not name", () => {
    const storage = storageWith({ readFault: ALWAYS, writeFault: ALWAYS, writeMisdirect: ALWAYS }, 1, ["grid"]);
    write(storage, 0, sector(1));
    expect(read(storage, 0)).toEqual(sector(1));
  });

  it.each([
    ["lost", { lost: 1, torn: 0, complete: 0 }, [1]],
    ["complete", { lost: 0, torn: 0, complete: 1 }, [2]],
    ["torn", { lost: 0, torn: 1, complete: 0 }, [1, 2]],
  ] as const)("leaves a write that a crash interrupts %s", (_, crashOutcomes, expected) => {
    const size = TEST_MIN.cluster.blockSize;
    const start = zoneStart(TEST_MIN, "walPrepares");
    const old = new Uint8Array(2 * size).fill(1);
    disk.write(start, old);
    const seen = new Set<number>();
    for (let seed = 0; seed < 20; seed += 1) {
      disk.write(start, old);
      const storage = storageWith({ crashOutcomes }, seed);
      storage.writeSectors(
        new StorageRequest(() => expect.fail("a crashed machine calls nobody")),
        "walPrepares",
        0,
        old.slice().fill(2),
      );
      storage.crash();
      const after = new Uint8Array(old.length);
      disk.readPristine(start, after);
      for (let at = 0; at < after.length; at += SECTOR_SIZE_BYTES) seen.add(after[at] ?? 0);
    }
    expect([...seen].toSorted((a, b) => a - b)).toEqual(expected);
  });

  it("may corrupt one sector under a write that a crash interrupts", () => {
    const storage = storageWith({ crashFault: ALWAYS });
    storage.writeSectors(new StorageRequest(() => undefined), "clientReplies", 0, sector(1));
    storage.crash();
    expect(disk.corruptCount).toBe(1);
  });

  it("does not damage a prepare whose header sector is damaged by a misdirected write", () => {
    const headers = zoneStart(TEST_MIN, "walHeaders");
    const prepares = zoneStart(TEST_MIN, "walPrepares");
    for (let at = 0; at < TEST_MIN.derived.journalSizeHeaders; at += SECTOR_SIZE_BYTES)
      disk.write(headers + at, sector(0));
    disk.write(prepares, sector(3));
    disk.misdirect(headers, headers + SECTOR_SIZE_BYTES, sector(9));
    const storage = storageWith({ readFault: ALWAYS }, 1, ["walPrepares"]);
    expect(read(storage, sectorFloor(0), SECTOR_SIZE_BYTES, "walPrepares")).toEqual(sector(3));
  });

  it("repeats a run exactly from the same seed", () => {
    const run = (): readonly (readonly number[])[] => {
      disk = new SimulatedDisk();
      const latency = { minimumMicroseconds: 100, meanMicroseconds: 30_000 };
      const storage = storageWith(
        { readLatency: latency, writeLatency: latency, readFault: { numerator: 1, denominator: 3 } },
        7,
      );
      const order: (readonly number[])[] = [];
      let ticks = 0;
      for (let slot = 0; slot < 7; slot += 1) {
        const request = new StorageRequest(() => order.push([slot, ticks, storage.counts.readFaults]));
        storage.readSectors(request, "clientReplies", slot * REPLY_SIZE_BYTES, sector(0));
      }
      for (; storage.pendingCount > 0; ticks += 1) {
        while (storage.step());
        storage.tick();
      }
      return order;
    };
    expect(run()).toEqual(run());
  });
});
