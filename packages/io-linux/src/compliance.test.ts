import { LinearMemory } from "@stagbeetle/kernels";
import { TEST_MIN } from "@stagbeetle/vsr-protocol";
import {
  type MessageBusNetwork,
  messageBusCompliance,
  storageCompliance,
  type StorageSubject,
  timeCompliance,
} from "@stagbeetle/vsr-protocol/compliance";
import { describe, expect, test } from "vitest";
import { type DataFile, openDataFile } from "./data-file.ts";
import type { DirectIoMode } from "./direct-io.ts";
import { FileStorage } from "./storage.ts";
import { Network } from "./testing/network.ts";
import { TemporaryDirectory } from "./testing/temporary-directory.ts";
import { until } from "./testing/until.ts";
import { SystemTime } from "./time.ts";

/** A storage on a real file. */
class RealStorage implements StorageSubject {
  readonly config: typeof TEST_MIN = TEST_MIN;
  readonly until: typeof until = until;
  readonly #memory = new LinearMemory({ sizeBytes: 4 * 1024 * 1024 });
  readonly #directory: TemporaryDirectory;
  readonly #directIo: DirectIoMode;
  #file: DataFile;
  #storage: FileStorage;

  private constructor(directory: TemporaryDirectory, directIo: DirectIoMode, file: DataFile) {
    this.#directory = directory;
    this.#directIo = directIo;
    this.#file = file;
    this.#storage = new FileStorage({ config: TEST_MIN, file });
  }

  static async create(directIo: DirectIoMode): Promise<RealStorage> {
    const directory = new TemporaryDirectory();
    const path = directory.join("data");
    const file = await openDataFile({ path, purpose: "format", config: TEST_MIN, directIo });
    return new RealStorage(directory, directIo, file);
  }

  get storage(): FileStorage {
    return this.#storage;
  }

  get directIo(): boolean {
    return this.#file.directIo;
  }

  memory(sizeBytes: number): Uint8Array {
    const pointer = this.#memory.allocate(sizeBytes, 4096, "test");
    return this.#memory.bytes.subarray(pointer, pointer + sizeBytes);
  }

  async reopen(): Promise<void> {
    this.#storage.close();
    this.#file.close();
    const path = this.#file.path;
    this.#file = await openDataFile({ path, purpose: "open", config: TEST_MIN, directIo: this.#directIo });
    this.#storage = new FileStorage({ config: TEST_MIN, file: this.#file });
  }

  async close(): Promise<void> {
    this.#storage.close();
    this.#file.close();
    this.#directory[Symbol.dispose]();
    await Promise.resolve();
  }
}

describe("the storage port, with direct I/O where the file system has it", () => {
  for (const { name, run } of storageCompliance) test(name, () => run(() => RealStorage.create("optional")));
});

describe("the storage port, through the page cache", () => {
  for (const { name, run } of storageCompliance) test(name, () => run(() => RealStorage.create("disabled")));

  test("is not the same as with direct I/O", async () => {
    const subject = await RealStorage.create("disabled");
    expect(subject.directIo).toBe(false);
    await subject.close();
  });
});

describe("the time port", () => {
  const create = async (): Promise<{ time: SystemTime; until: typeof until; close: () => Promise<void> }> =>
    Promise.resolve({ time: new SystemTime(), until, close: async () => Promise.resolve() });
  for (const { name, run } of timeCompliance) test(name, () => run(create));
});

describe("the message bus port", () => {
  for (const { name, run } of messageBusCompliance) {
    test(name, () =>
      run(async (receivers): Promise<MessageBusNetwork> => {
        const network = await Network.start(receivers);
        return {
          config: network.config,
          replicas: network.replicas,
          addClient: async (_client, receiver) => Promise.resolve(network.addClient(receiver)),
          until: (condition) => network.until(condition),
          close: () => network.close(),
        };
      }),
    );
  }
});
