import { Random, SECTOR_SIZE_BYTES, TEST_MIN } from "@stagbeetle/vsr-protocol";
import {
  storageCompliance,
  type StorageSubject,
  timeCompliance,
  type TimeSubject,
} from "@stagbeetle/vsr-protocol/compliance";
import { describe, test } from "vitest";

import { SimulatedDisk } from "./disk.ts";
import { NO_STORAGE_FAULTS, type StorageFaults } from "./faults/storage-faults.ts";
import { SimulatedStorage } from "./storage.ts";
import { SimulatedTime } from "./time.ts";

const STEPS_MAX = 100_000;

/** A storage on a simulated disk, driven as far as a case asks for. */
class SimulatedSubject implements StorageSubject {
  readonly config: typeof TEST_MIN = TEST_MIN;
  readonly #disk = new SimulatedDisk();
  readonly #faults: StorageFaults;
  #storage: SimulatedStorage;

  constructor(faults: StorageFaults) {
    this.#faults = faults;
    this.#storage = this.#open();
  }

  get storage(): SimulatedStorage {
    return this.#storage;
  }

  memory(sizeBytes: number): Uint8Array {
    return new Uint8Array(Math.ceil(sizeBytes / SECTOR_SIZE_BYTES) * SECTOR_SIZE_BYTES).subarray(0, sizeBytes);
  }

  async reopen(): Promise<void> {
    this.#storage.crash();
    this.#storage = this.#open();
    await Promise.resolve();
  }

  async until(condition: () => boolean): Promise<void> {
    for (let steps = 0; !condition(); steps += 1) {
      if (steps > STEPS_MAX) throw new Error("the condition does not come true");
      if (!this.#storage.step()) this.#storage.tick();
    }
    await Promise.resolve();
  }

  async close(): Promise<void> {
    await Promise.resolve();
  }

  #open(): SimulatedStorage {
    const random = new Random(1);
    return new SimulatedStorage({
      config: TEST_MIN,
      disk: this.#disk,
      random,
      faults: this.#faults,
      unwritten: "zeros",
    });
  }
}

class SimulatedClock implements TimeSubject {
  readonly time: SimulatedTime = new SimulatedTime();

  async until(condition: () => boolean): Promise<void> {
    for (let ticks = 0; !condition(); ticks += 1) {
      if (ticks > STEPS_MAX) throw new Error("the condition does not come true");
      this.time.tick();
    }
    await Promise.resolve();
  }

  async close(): Promise<void> {
    await Promise.resolve();
  }
}

describe("the storage port, on a disk that is fast", () => {
  const create = (): Promise<StorageSubject> => Promise.resolve(new SimulatedSubject(NO_STORAGE_FAULTS));
  for (const { name, run } of storageCompliance) test(name, () => run(create));
});

describe("the storage port, on a disk that reorders", () => {
  const latency = { minimumMicroseconds: 0, meanMicroseconds: 50_000 };
  const faults = { ...NO_STORAGE_FAULTS, readLatency: latency, writeLatency: latency };
  const create = (): Promise<StorageSubject> => Promise.resolve(new SimulatedSubject(faults));
  for (const { name, run } of storageCompliance) test(name, () => run(create));
});

describe("the time port", () => {
  for (const { name, run } of timeCompliance) test(name, () => run(() => Promise.resolve(new SimulatedClock())));
});
