/**
 * Reads and writes of a data file in the temporary directory: `O_DSYNC`, and `O_DIRECT` where the file system has it.
 */
import { LinearMemory } from "@stagbeetle/kernels";
import { SECTOR_SIZE_BYTES, StorageRequest, TEST_MIN } from "@stagbeetle/vsr-protocol";
import type { Bench } from "tinybench";
import { openDataFile } from "./data-file.ts";
import { FileStorage } from "./storage.ts";
import { TemporaryDirectory } from "./testing/temporary-directory.ts";

const WRITES = 24;

/** Adds the tasks. */
export default function addTasks(bench: Bench): void {
  const directory = new TemporaryDirectory();
  process.once("exit", () => directory[Symbol.dispose]());
  const sizeBytes = WRITES * SECTOR_SIZE_BYTES;
  const memory = new LinearMemory({ sizeBytes: sizeBytes + 65_536 * 4 });
  const pointer = memory.allocate(sizeBytes, SECTOR_SIZE_BYTES, "bench");
  const sectorAt = (index: number): Uint8Array =>
    memory.bytes.subarray(pointer + index * SECTOR_SIZE_BYTES, pointer + (index + 1) * SECTOR_SIZE_BYTES);
  const opened = openDataFile({
    path: directory.join("data"),
    purpose: "format",
    config: TEST_MIN,
    directIo: "optional",
  });
  const storage = opened.then((file) => new FileStorage({ config: TEST_MIN, file }));

  for (const depth of [1, 4, WRITES]) {
    bench.add(`${WRITES} writes of 4 KiB, ${depth} at a time`, async () => {
      const target = await storage;
      await new Promise<void>((resolve) => {
        let started = 0;
        let completed = 0;
        const start = (request: StorageRequest): void => {
          const index = started;
          started += 1;
          target.writeSectors(request, "walPrepares", index * SECTOR_SIZE_BYTES, sectorAt(index));
        };
        const onComplete = (request: StorageRequest): void => {
          completed += 1;
          if (completed === WRITES) resolve();
          else if (started < WRITES) start(request);
        };
        for (let index = 0; index < depth; index += 1) start(new StorageRequest(onComplete));
      });
    });
  }
  bench.add("one write of 96 KiB", async () => {
    const target = await storage;
    const buffer = memory.bytes.subarray(pointer, pointer + sizeBytes);
    await new Promise<void>((resolve) => {
      target.writeSectors(new StorageRequest(() => resolve()), "walPrepares", 0, buffer);
    });
  });
  bench.add("one read of 96 KiB", async () => {
    const target = await storage;
    const buffer = memory.bytes.subarray(pointer, pointer + sizeBytes);
    await new Promise<void>((resolve) => {
      target.readSectors(new StorageRequest(() => resolve()), "walPrepares", 0, buffer);
    });
  });
}
