/**
 * What every implementation of the storage port does (spec 04 §3, §4).
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import {
  type Config,
  SECTOR_SIZE_BYTES,
  type Storage,
  StorageRequest,
  type Zone,
  ZONES,
  zoneSize,
} from "@stagbeetle/vsr-protocol";
import {
  assertBytes,
  assertRefuses,
  aWhile,
  complianceCase,
  type ComplianceCase,
  type Subject,
} from "./compliance-case.ts";

/** A storage on a new data file in which every byte of the fixed zones is zero, and which has no grid yet. */
export interface StorageSubject extends Subject {
  readonly storage: Storage;
  readonly config: Config;
  /** New memory of whole sectors, as the storage takes it. */
  memory(sizeBytes: number): Uint8Array;
  /** Replaces `storage` by another one on the same file, as a restart of the process does. Nothing is pending. */
  reopen(): Promise<void>;
}

type StorageCase = ComplianceCase<() => Promise<StorageSubject>>;

const WRITABLE_ZONES: readonly Zone[] = ZONES.filter((zone) => zone !== "gridPadding");

/** Different bytes for different seeds, and no sector like another. */
function pattern(sizeBytes: number, seed: number): Uint8Array {
  return Uint8Array.from({ length: sizeBytes }, (_, index) => (seed * 31 + index * 7 + (index >> 12) * 13 + 1) & 0xff);
}

function filled(subject: StorageSubject, sizeBytes: number, seed: number): Uint8Array {
  const memory = subject.memory(sizeBytes);
  memory.set(pattern(sizeBytes, seed));
  return memory;
}

async function write(subject: StorageSubject, zone: Zone, offsetInZone: number, buffer: Uint8Array): Promise<void> {
  const request = new StorageRequest(() => undefined);
  subject.storage.writeSectors(request, zone, offsetInZone, buffer);
  await subject.until(() => !request.pending);
}

/** Reads into memory that held something else before. */
async function read(subject: StorageSubject, zone: Zone, offsetInZone: number, sizeBytes: number): Promise<Uint8Array> {
  const buffer = subject.memory(sizeBytes).fill(0xee);
  const request = new StorageRequest(() => undefined);
  subject.storage.readSectors(request, zone, offsetInZone, buffer);
  await subject.until(() => !request.pending);
  return buffer;
}

/** The last sector of a zone; in the grid, the first of the fourth block. */
function lastSector(config: Config, zone: Zone): number {
  return zone === "grid" ? 3 * config.cluster.blockSize : zoneSize(config, zone) - SECTOR_SIZE_BYTES;
}

/** The facts about the storage port. */
export const storageCompliance: readonly StorageCase[] = [
  complianceCase("what was written is read back, at both ends of every zone", async (subject) => {
    const places = WRITABLE_ZONES.flatMap((zone) => [
      { zone, offset: 0, seed: 2 * ZONES.indexOf(zone) },
      { zone, offset: lastSector(subject.config, zone), seed: 2 * ZONES.indexOf(zone) + 1 },
    ]);
    for (const { zone, offset, seed } of places) {
      await write(subject, zone, offset, filled(subject, SECTOR_SIZE_BYTES, seed));
    }
    // All of them after the last write, so that one that went into a neighbour is found.
    for (const { zone, offset, seed } of places) {
      const bytes = await read(subject, zone, offset, SECTOR_SIZE_BYTES);
      assertBytes(`${zone} at ${offset}`, bytes, pattern(SECTOR_SIZE_BYTES, seed));
    }
  }),

  complianceCase("a write of several sectors is one range of bytes", async (subject) => {
    const sizeBytes = 2 * SECTOR_SIZE_BYTES;
    await write(subject, "walHeaders", 0, filled(subject, sizeBytes, 1));
    const second = await read(subject, "walHeaders", SECTOR_SIZE_BYTES, SECTOR_SIZE_BYTES);
    assertBytes("the second sector", second, pattern(sizeBytes, 1).subarray(SECTOR_SIZE_BYTES));
  }),

  complianceCase("a later write replaces an earlier one and nothing beside it", async (subject) => {
    const sizeBytes = 2 * SECTOR_SIZE_BYTES;
    await write(subject, "superblock", 0, filled(subject, sizeBytes, 1));
    await write(subject, "superblock", 0, filled(subject, SECTOR_SIZE_BYTES, 2));
    const bytes = await read(subject, "superblock", 0, sizeBytes);
    assertBytes("the replaced sector", bytes.subarray(0, SECTOR_SIZE_BYTES), pattern(SECTOR_SIZE_BYTES, 2));
    const beside = pattern(sizeBytes, 1).subarray(SECTOR_SIZE_BYTES);
    assertBytes("the sector beside it", bytes.subarray(SECTOR_SIZE_BYTES), beside);
  }),

  complianceCase("sectors that were never written are zeros", async (subject) => {
    for (const zone of WRITABLE_ZONES.filter((zone) => zone !== "grid")) {
      const offset = lastSector(subject.config, zone);
      const bytes = await read(subject, zone, offset, SECTOR_SIZE_BYTES);
      assertBytes(`${zone} at ${offset}`, bytes, new Uint8Array(SECTOR_SIZE_BYTES));
    }
  }),

  complianceCase("what lies beyond the end of the file is zeros", async (subject) => {
    const { blockSize } = subject.config.cluster;
    await write(subject, "grid", 0, filled(subject, SECTOR_SIZE_BYTES, 1));
    const partly = await read(subject, "grid", 0, blockSize);
    assertBytes("what was written", partly.subarray(0, SECTOR_SIZE_BYTES), pattern(SECTOR_SIZE_BYTES, 1));
    const rest = partly.subarray(SECTOR_SIZE_BYTES);
    assertBytes("the rest of the block", rest, new Uint8Array(rest.length));
    const farAway = await read(subject, "grid", 100 * blockSize, blockSize);
    assertBytes("a block far beyond the end", farAway, new Uint8Array(blockSize));
  }),

  complianceCase("no request completes inside the call that starts it", async (subject) => {
    const completed: StorageRequest[] = [];
    const reading = new StorageRequest((request) => completed.push(request));
    const writing = new StorageRequest((request) => completed.push(request));
    subject.storage.readSectors(reading, "superblock", 0, subject.memory(SECTOR_SIZE_BYTES));
    subject.storage.writeSectors(writing, "walHeaders", 0, subject.memory(SECTOR_SIZE_BYTES));
    assert(completed[0] === undefined, "a request completed inside the call");
    assert(reading.pending && writing.pending, "a request is not pending after the call");
    await subject.until(() => completed.length === 2);
    await aWhile(subject);
    assert(completed[2] === undefined, () => `${completed.length} completions of two requests`);
    assert(completed.includes(reading) && completed.includes(writing), "one request completed twice");
    assert(!reading.pending && !writing.pending, "a request is pending after its completion");
  }),

  complianceCase("a request may be used again from within its completion", async (subject) => {
    const rounds = 10;
    const buffer = subject.memory(SECTOR_SIZE_BYTES);
    let completions = 0;
    const start = (request: StorageRequest): void =>
      subject.storage.writeSectors(
        request,
        "walPrepares",
        completions * SECTOR_SIZE_BYTES,
        buffer.fill(completions + 1),
      );
    start(
      new StorageRequest((request) => {
        completions += 1;
        if (completions < rounds) start(request);
      }),
    );
    await subject.until(() => completions === rounds);
    for (let round = 0; round < rounds; round += 1) {
      const bytes = await read(subject, "walPrepares", round * SECTOR_SIZE_BYTES, SECTOR_SIZE_BYTES);
      assertBytes(`round ${round}`, bytes, new Uint8Array(SECTOR_SIZE_BYTES).fill(round + 1));
    }
  }),

  complianceCase("many requests are under way at once, and each completes once", async (subject) => {
    const count = 24;
    const completions: number[] = Array.from({ length: count }, () => 0);
    for (let index = 0; index < count; index += 1) {
      const request = new StorageRequest(() => {
        completions[index] = (completions[index] ?? 0) + 1;
      });
      subject.storage.writeSectors(
        request,
        "walPrepares",
        index * SECTOR_SIZE_BYTES,
        filled(subject, SECTOR_SIZE_BYTES, index),
      );
    }
    await subject.until(() => completions.every((times) => times > 0));
    await aWhile(subject);
    assert(
      completions.every((times) => times === 1),
      () => `completions: ${completions.join(" ")}`,
    );
    const bytes = await read(subject, "walPrepares", 0, count * SECTOR_SIZE_BYTES);
    for (let index = 0; index < count; index += 1) {
      const at = index * SECTOR_SIZE_BYTES;
      assertBytes(`write ${index}`, bytes.subarray(at, at + SECTOR_SIZE_BYTES), pattern(SECTOR_SIZE_BYTES, index));
    }
  }),

  complianceCase("a completed write survives a restart", async (subject) => {
    await write(subject, "clientReplies", 0, filled(subject, SECTOR_SIZE_BYTES, 1));
    await write(subject, "grid", subject.config.cluster.blockSize, filled(subject, SECTOR_SIZE_BYTES, 2));
    await subject.reopen();
    assertBytes("the reply", await read(subject, "clientReplies", 0, SECTOR_SIZE_BYTES), pattern(SECTOR_SIZE_BYTES, 1));
    const block = await read(subject, "grid", subject.config.cluster.blockSize, SECTOR_SIZE_BYTES);
    assertBytes("the block", block, pattern(SECTOR_SIZE_BYTES, 2));
  }),

  complianceCase("callbacks of nextTick run later, in order, once", async (subject) => {
    const ran: number[] = [];
    subject.storage.nextTick(() => {
      ran.push(1);
      subject.storage.nextTick(() => ran.push(3));
      assert(ran.length === 1, "a callback ran inside the call that scheduled it");
    });
    subject.storage.nextTick(() => ran.push(2));
    assert(ran.length === 0, "a callback ran inside the call that scheduled it");
    await subject.until(() => ran.length === 3);
    await aWhile(subject);
    assert(ran.join(" ") === "1 2 3", () => `the callbacks ran in the order ${ran.join(" ")}`);
  }),

  complianceCase("requests that break the rules of the zones are refused", async (subject) => {
    const { storage, config } = subject;
    const sector = subject.memory(2 * SECTOR_SIZE_BYTES).subarray(0, SECTOR_SIZE_BYTES);
    const read = (zone: Zone, offset: number, buffer: Uint8Array): void =>
      storage.readSectors(new StorageRequest(() => undefined), zone, offset, buffer);
    assertRefuses("an offset within a sector", () => read("superblock", 512, sector));
    assertRefuses("half a sector", () => read("superblock", 0, sector.subarray(0, 2048)));
    assertRefuses("an empty buffer", () => read("superblock", 0, sector.subarray(0, 0)));
    assertRefuses("memory that is not aligned", () => read("superblock", 0, sector.subarray(64)));
    assertRefuses("the end of a zone", () => read("walHeaders", zoneSize(config, "walHeaders"), sector));
    assertRefuses("a negative offset", () => read("walPrepares", -SECTOR_SIZE_BYTES, sector));
    assertRefuses("the grid padding", () => read("gridPadding", 0, sector));
    const request = new StorageRequest(() => undefined);
    storage.readSectors(request, "superblock", 0, sector);
    assertRefuses("a request that is pending", () => storage.readSectors(request, "superblock", 0, sector));
    await subject.until(() => !request.pending);
  }),
];
