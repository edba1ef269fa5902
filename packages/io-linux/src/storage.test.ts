import { readSync, truncateSync, writeSync } from "node:fs";
import { AssertionError } from "@stagbeetle/kernels";
import {
  FatalError,
  FatalReason,
  SECTOR_SIZE_BYTES,
  StorageRequest,
  TEST_MIN,
  zoneStart,
} from "@stagbeetle/vsr-protocol";
import { describe, expect, test, vi } from "vitest";
import { alignedMemory } from "./aligned-memory.ts";
import { openDataFile } from "./data-file.ts";
import { FileStorage, type FileTransfers, type RequestObserver, type TransferCallback, WriteError } from "./storage.ts";
import { TemporaryDirectory } from "./testing/temporary-directory.ts";
import { until } from "./testing/until.ts";

/** One transfer that the storage asked for, to be answered by the test. */
interface Asked {
  readonly kind: "read" | "write";
  readonly buffer: Uint8Array;
  readonly offset: number;
  readonly sizeBytes: number;
  readonly position: number;
  readonly answer: TransferCallback;
}

/** A storage whose file system is the test. */
class Bench {
  readonly asked: Asked[] = [];
  readonly storage: FileStorage;
  completions = 0;

  constructor(concurrencyMax?: number, onRequest: RequestObserver | null = null) {
    const take =
      (kind: "read" | "write"): FileTransfers["read"] =>
      (_fileDescriptor, buffer, offset, sizeBytes, position, answer) => {
        this.asked.push({ kind, buffer, offset, sizeBytes, position, answer });
      };
    const transfers = { read: take("read"), write: take("write") };
    const limit = concurrencyMax === undefined ? {} : { concurrencyMax };
    this.storage = new FileStorage({ config: TEST_MIN, file: { fileDescriptor: -1 }, transfers, onRequest, ...limit });
  }

  read(sectors: number, offsetInZone = 0): Uint8Array {
    const buffer = alignedMemory(sectors * SECTOR_SIZE_BYTES).fill(0xee);
    this.storage.readSectors(this.#request(), "walPrepares", offsetInZone, buffer);
    return buffer;
  }

  write(sectors: number, offsetInZone = 0): void {
    const buffer = alignedMemory(sectors * SECTOR_SIZE_BYTES);
    this.storage.writeSectors(this.#request(), "walPrepares", offsetInZone, buffer);
  }

  /** Takes the oldest transfer that is not answered. */
  next(): Asked {
    const asked = this.asked.shift();
    if (asked === undefined) throw new Error("the storage asked for nothing");
    return asked;
  }

  #request(): StorageRequest {
    return new StorageRequest(() => {
      this.completions += 1;
    });
  }
}

function systemError(code: string): Error {
  return Object.assign(new Error(`${code}: it failed`), { code });
}

test("whoever observes requests is told of each once, with its zone and all of its time", () => {
  let nowMs = 0;
  const clock = vi.spyOn(performance, "now").mockImplementation(() => nowMs);
  const observed: unknown[] = [];
  const bench = new Bench(1, (...request) => observed.push(request));
  bench.read(1);
  bench.write(1);
  nowMs = 3;
  bench.next().answer(systemError("EINTR"), 0);
  nowMs = 4;
  bench.next().answer(null, SECTOR_SIZE_BYTES);
  nowMs = 5;
  bench.next().answer(null, SECTOR_SIZE_BYTES);
  clock.mockRestore();
  expect(observed).toEqual([
    ["read", "walPrepares", 4_000_000],
    ["write", "walPrepares", 1_000_000],
  ]);
});

describe("reading", () => {
  test("asks for the whole buffer at its place in the file", () => {
    const bench = new Bench();
    bench.read(3, 2 * SECTOR_SIZE_BYTES);
    const { kind, offset, sizeBytes, position } = bench.next();
    const expectedPosition = zoneStart(TEST_MIN, "walPrepares") + 2 * SECTOR_SIZE_BYTES;
    expect({ kind, offset, sizeBytes, position }).toEqual({
      kind: "read",
      offset: 0,
      sizeBytes: 3 * SECTOR_SIZE_BYTES,
      position: expectedPosition,
    });
  });

  test("goes on after a short read", () => {
    const bench = new Bench();
    bench.read(2);
    const first = bench.next();
    first.answer(null, SECTOR_SIZE_BYTES);
    const second = bench.next();
    expect(second.offset).toBe(SECTOR_SIZE_BYTES);
    expect(second.position).toBe(first.position + SECTOR_SIZE_BYTES);
    expect(second.sizeBytes).toBe(SECTOR_SIZE_BYTES);
    expect(bench.completions).toBe(0);
    second.answer(null, SECTOR_SIZE_BYTES);
    expect(bench.completions).toBe(1);
  });

  test.each(["EAGAIN", "EINTR"])("asks again after %s", (code) => {
    const bench = new Bench();
    bench.read(1);
    const first = bench.next();
    first.answer(systemError(code), 0);
    const second = bench.next();
    expect([second.offset, second.sizeBytes, second.position]).toEqual([first.offset, first.sizeBytes, first.position]);
    second.answer(null, SECTOR_SIZE_BYTES);
    expect(bench.completions).toBe(1);
  });

  test("turns the sector that cannot be read into zeros and reads the others", () => {
    const bench = new Bench();
    const buffer = bench.read(4);
    const badSector = 2;
    while (bench.completions === 0) {
      const { buffer, offset, sizeBytes, answer } = bench.next();
      const [first, last] = [offset / SECTOR_SIZE_BYTES, (offset + sizeBytes) / SECTOR_SIZE_BYTES];
      if (first <= badSector && badSector < last) {
        answer(systemError("EIO"), 0);
      } else {
        buffer.fill(1, offset, offset + sizeBytes);
        answer(null, sizeBytes);
      }
    }
    const sectors = [0, 1, 2, 3].map((sector) => new Set(buffer.subarray(sector * 4096, (sector + 1) * 4096)));
    expect(sectors).toEqual([new Set([1]), new Set([1]), new Set([0]), new Set([1])]);
  });

  test("turns what lies beyond the end of the file into zeros", () => {
    const bench = new Bench();
    const buffer = bench.read(2);
    bench.next().answer(null, 0);
    expect(bench.completions).toBe(1);
    expect(new Set(buffer)).toEqual(new Set([0]));
  });

  test("stops the process on an error that a disk cannot have", () => {
    const bench = new Bench();
    bench.read(1);
    expect(() => bench.next().answer(systemError("EBADF"), 0)).toThrow(AssertionError);
  });

  test("takes a file with an odd end, through direct I/O as well", async () => {
    using directory = new TemporaryDirectory();
    const path = directory.join("data");
    const file = await openDataFile({ path, purpose: "format", config: TEST_MIN, directIo: "optional" });
    const grid = zoneStart(TEST_MIN, "grid");
    const block = alignedMemory(SECTOR_SIZE_BYTES).fill(7);
    expect(writeSync(file.fileDescriptor, block, 0, SECTOR_SIZE_BYTES, grid)).toBe(SECTOR_SIZE_BYTES);
    truncateSync(path, grid + 1000);
    const storage = new FileStorage({ config: TEST_MIN, file });
    const buffer = alignedMemory(SECTOR_SIZE_BYTES).fill(0xee);
    const request = new StorageRequest(() => undefined);
    storage.readSectors(request, "grid", 0, buffer);
    await until(() => !request.pending);
    expect(new Set(buffer.subarray(0, 1000))).toEqual(new Set([7]));
    expect(new Set(buffer.subarray(1000))).toEqual(new Set([0]));
    file.close();
  });
});

describe("writing", () => {
  test("goes on after a short write", () => {
    const bench = new Bench();
    bench.write(2);
    const first = bench.next();
    first.answer(null, 512);
    const second = bench.next();
    expect([second.offset, second.sizeBytes]).toEqual([512, 2 * SECTOR_SIZE_BYTES - 512]);
    expect(second.position).toBe(first.position + 512);
    expect(bench.completions).toBe(0);
    second.answer(null, 2 * SECTOR_SIZE_BYTES - 512);
    expect(bench.completions).toBe(1);
  });

  test("asks again when it was interrupted", () => {
    const bench = new Bench();
    bench.write(1);
    bench.next().answer(systemError("EINTR"), 0);
    bench.next().answer(null, SECTOR_SIZE_BYTES);
    expect(bench.completions).toBe(1);
  });

  test.each(["ENOSPC", "EDQUOT"])("ends the process with status 2 on %s, and says where", (code) => {
    const bench = new Bench();
    bench.write(1, SECTOR_SIZE_BYTES);
    const answer = (): void => bench.next().answer(systemError(code), 0);
    expect(answer).toThrow(FatalError);
    bench.write(1, SECTOR_SIZE_BYTES);
    expect(answer).toThrow(
      expect.objectContaining({
        reason: FatalReason.noSpaceLeft,
        message: expect.stringContaining("4096 bytes at 4096 of walPrepares") as string,
      }),
    );
  });

  test("ends the process when the disk refuses", () => {
    const bench = new Bench();
    bench.write(1);
    expect(() => bench.next().answer(systemError("EIO"), 0)).toThrow(WriteError);
  });

  test("ends the process when nothing is written", () => {
    const bench = new Bench();
    bench.write(1);
    expect(() => bench.next().answer(null, 0)).toThrow(WriteError);
  });
});

describe("the queue", () => {
  test("hands over no more requests at once than allowed, and the others in order", () => {
    const bench = new Bench(2);
    for (let index = 0; index < 5; index += 1) bench.write(1, index * SECTOR_SIZE_BYTES);
    expect(bench.storage.pendingCount).toBe(5);
    const start = zoneStart(TEST_MIN, "walPrepares");
    const order: number[] = [];
    while (bench.asked.length > 0) {
      expect(bench.asked.length).toBeLessThanOrEqual(2);
      const asked = bench.next();
      order.push((asked.position - start) / SECTOR_SIZE_BYTES);
      asked.answer(null, SECTOR_SIZE_BYTES);
    }
    expect(order).toEqual([0, 1, 2, 3, 4]);
    expect(bench.completions).toBe(5);
    expect(bench.storage.pendingCount).toBe(0);
  });

  test("takes as many requests at once as all users of the storage have", () => {
    const bench = new Bench();
    for (let index = 0; index < 24; index += 1) bench.write(1, index * SECTOR_SIZE_BYTES);
    expect(bench.asked.length).toBe(24);
  });

  test("is drained once nothing is pending, not even what completions started", async () => {
    const bench = new Bench();
    let rounds = 0;
    let drained = false;
    const request: StorageRequest = new StorageRequest(() => {
      rounds += 1;
      if (rounds < 3) bench.storage.readSectors(request, "superblock", 0, alignedMemory(SECTOR_SIZE_BYTES));
    });
    bench.storage.readSectors(request, "superblock", 0, alignedMemory(SECTOR_SIZE_BYTES));
    const draining = bench.storage.drain().then(() => (drained = true));
    for (let round = 1; round <= 3; round += 1) {
      bench.next().answer(null, SECTOR_SIZE_BYTES);
      await new Promise((resolve) => setImmediate(resolve));
      expect(drained).toBe(round === 3);
    }
    await draining;
    await new Bench().storage.drain();
  });

  test("a storage with a pending request cannot be closed", () => {
    const bench = new Bench();
    bench.write(1);
    expect(() => bench.storage.close()).toThrow(AssertionError);
    bench.next().answer(null, SECTOR_SIZE_BYTES);
    bench.storage.close();
    expect(() => bench.write(1)).toThrow(AssertionError);
  });
});

describe("on a real file", () => {
  test("a completed write is in the file at the zone's place", async () => {
    using directory = new TemporaryDirectory();
    const path = directory.join("data");
    const file = await openDataFile({ path, purpose: "format", config: TEST_MIN, directIo: "optional" });
    const storage = new FileStorage({ config: TEST_MIN, file });
    const request = new StorageRequest(() => undefined);
    storage.writeSectors(request, "clientReplies", SECTOR_SIZE_BYTES, alignedMemory(SECTOR_SIZE_BYTES).fill(9));
    await until(() => !request.pending);
    const bytes = alignedMemory(SECTOR_SIZE_BYTES);
    readSync(
      file.fileDescriptor,
      bytes,
      0,
      SECTOR_SIZE_BYTES,
      zoneStart(TEST_MIN, "clientReplies") + SECTOR_SIZE_BYTES,
    );
    expect(new Set(bytes)).toEqual(new Set([9]));
    file.close();
  });
});
