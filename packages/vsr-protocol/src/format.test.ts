import { createHash } from "node:crypto";
import { checksumOf, LinearMemory } from "@stagbeetle/kernels";
import { describe, expect, it } from "vitest";
import { FORMAT, imageAt, RELEASE } from "../test/builders.ts";
import { MemoryStorage } from "../test/memory-storage.ts";
import type { Config } from "./config/config.ts";
import { PRODUCTION } from "./config/production.ts";
import { TEST_MIN } from "./config/test-min.ts";
import { formatDataFile } from "./format.ts";
import { SILENT_LOGGER } from "./ports/logger.ts";
import type { FormatOptions } from "./superblock/update.ts";
import { type Zone, zoneSize, zoneStart } from "./zone.ts";

function format(
  config: Config,
  options: FormatOptions,
  storage: MemoryStorage = new MemoryStorage(config),
): MemoryStorage {
  let done = false;
  const memory = new LinearMemory({ sizeBytes: 1 << 20 });
  formatDataFile({ ...options, config, storage, memory, logger: SILENT_LOGGER }, () => (done = true));
  storage.run();
  expect(done).toBe(true);
  return storage;
}

function zoneBytes(storage: MemoryStorage, config: Config, zone: Zone): Uint8Array {
  return storage.read(zoneStart(config, zone), zoneSize(config, zone));
}

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

describe("a formatted data file", () => {
  it("of the smallest configuration has the specified bytes", () => {
    const file = format(TEST_MIN, FORMAT).read(0, 217_088);
    expect(checksumOf(file)).toBe(0xb658c893b460959ad328a5ee15d6f679n);
    expect(sha256(file)).toBe("8db4fb2e68e1f09ebb521a0813692d955f3994ffa7ef9f63a522e56383f18ea1");
  });

  it("leaves the padding of the superblock copies as it was", () => {
    const storage = new MemoryStorage(TEST_MIN);
    for (let copy = 0; copy < 4; copy++) storage.write(copy * 12_288 + 8192, new Uint8Array(4096).fill(0xaa));
    format(TEST_MIN, { cluster: 0n, release: 1, replica: 1, replicaCount: 1, view: 0 }, storage);
    const { header } = imageAt(storage, 0);
    expect(header.parent).toBe(0x4e915f280cc2618642d0a9cc250d26cbn);
    expect(header.checksum).toBe(0x414e3ed104e816bb66251e806c492cb4n);
    expect(checksumOf(storage.read(0, 217_088))).toBe(339529914272821912685300045374558551362n);
  });

  it("of production has the specified superblock and headers", () => {
    const storage = format(PRODUCTION, FORMAT);
    const superblock = zoneBytes(storage, PRODUCTION, "superblock");
    expect(checksumOf(superblock)).toBe(0x956d057ea02749a1a1427ff3ce7d0c7en);
    expect(sha256(superblock)).toBe("9d036ecca777b5ed9f7f159e44dfccd745ea16fa1d67a0996bbdd3e082177506");
    const headers = zoneBytes(storage, PRODUCTION, "walHeaders");
    expect(checksumOf(headers)).toBe(0xb65b7bf0acd20b1fb087bfdbbf248ad4n);
    expect(sha256(headers)).toBe("731653a4f128acbfb4ab90d246a2fc1d193c2d8741ab02da9fa5b4edb02ee80e");
    for (let slot = 0; slot < 1024; slot++) {
      const prepare = storage.read(zoneStart(PRODUCTION, "walPrepares") + slot * 1_048_576, 4096);
      expect(prepare.subarray(0, 256)).toEqual(headers.subarray(slot * 256, slot * 256 + 256));
      expect(prepare.subarray(256).every((byte) => byte === 0)).toBe(true);
    }
  });

  it("gets its superblock only when the whole log is durable", () => {
    const { log } = format(TEST_MIN, FORMAT);
    const first = log.findIndex((line) => line.includes("superblock"));
    expect(log.slice(0, first).filter((line) => line.startsWith("write wal"))).toHaveLength(1 + 32);
    expect(log.slice(first).every((line) => line.includes("superblock"))).toBe(true);
  });

  it("cannot be opened if the process dies before the end of the log", () => {
    const storage = new MemoryStorage(TEST_MIN);
    storage.onWrite = ({ index, buffer }) => (index === 20 ? { crashWith: buffer } : "complete");
    const memory = new LinearMemory({ sizeBytes: 1 << 20 });
    const options = { ...FORMAT, config: TEST_MIN, storage, memory, logger: SILENT_LOGGER };
    formatDataFile(options, () => expect.unreachable("the format is not durable"));
    storage.run();
    expect(zoneBytes(storage, TEST_MIN, "superblock").every((byte) => byte === 0)).toBe(true);
  });

  it.each([
    ["no replicas", { replicaCount: 0 }],
    ["too many replicas", { replicaCount: 7 }],
    ["a standby beyond the last", { replica: 7 }],
    ["no release", { release: 0 }],
  ])("is not made with %s", (_name, change) => {
    expect(() => format(TEST_MIN, { ...FORMAT, release: RELEASE, ...change })).toThrow();
  });
});
