/**
 * Small builders of what the journal's tests are made of: configurations, prepares, formatted disks, journals.
 */
import { testMemory } from "@stagbeetle/kernels/testing";
import {
  Checksums,
  Command,
  type Config,
  createConfig,
  HEADER_SIZE_BYTES,
  type JournalRecovery,
  type JournalRecoveryResult,
  type Message,
  MessagePool,
  PrepareHeader,
  sectorCeil,
  TEST_MIN_CLUSTER,
  TEST_MIN_PROCESS,
  writeReservedPrepare,
  writeRootPrepare,
} from "@stagbeetle/vsr-protocol";
import { Journal } from "@stagbeetle/journal";
import { emptyImage, type Image, SimulatedDisk } from "./simulated-disk.ts";

export const CLUSTER = 0x1234n;

/** The smallest log, with prepares of up to four sectors, so that they can be torn. */
export const SMALL: Config = createConfig(
  { ...TEST_MIN_CLUSTER, messageSizeMax: 16 * 1024 },
  { ...TEST_MIN_PROCESS, journalIopsReadMax: 4, journalIopsWriteMax: 4 },
  "small",
);

/** What a prepare is made of; everything has a default. */
export interface PrepareOptions {
  readonly op: number;
  readonly view?: number;
  readonly parent?: bigint;
  readonly bodySize?: number;
  readonly cluster?: bigint;
  readonly timestamp?: bigint;
  readonly fill?: number;
}

const checksums = new Checksums();

/** Fills a header and `bodySize` bytes of body into `buffer`, padded with zeros to whole sectors. */
function writePrepareInto(buffer: Uint8Array, options: PrepareOptions): PrepareHeader {
  const { op, view = 1, parent = 0n, bodySize = 0, cluster = CLUSTER } = options;
  const size = HEADER_SIZE_BYTES + bodySize;
  buffer.fill(0, 0, sectorCeil(size));
  buffer.fill(options.fill ?? (op % 255) + 1, HEADER_SIZE_BYTES, size);
  const header = new PrepareHeader(buffer);
  header.cluster = cluster;
  header.size = size;
  header.view = view;
  header.release = 0x1109;
  header.command = Command.prepare;
  header.op = op;
  header.commit = Math.max(0, op - 1);
  header.timestamp = options.timestamp ?? BigInt(op) * 1000n;
  header.client = 7n;
  header.request = 1;
  header.operation = 128;
  header.parent = parent;
  checksums.setBody(header, buffer.subarray(HEADER_SIZE_BYTES, size));
  checksums.set(header);
  return header;
}

/** A prepare's header and body as they are on disk: whole sectors. */
export function prepareBytes(options: PrepareOptions): Uint8Array {
  const bytes = new Uint8Array(sectorCeil(HEADER_SIZE_BYTES + (options.bodySize ?? 0)));
  writePrepareInto(bytes, options);
  return bytes;
}

export function prepareHeader(options: PrepareOptions): PrepareHeader {
  return new PrepareHeader(prepareBytes(options));
}

export function reservedHeader(slot: number, cluster: bigint = CLUSTER): PrepareHeader {
  const header = new PrepareHeader(new Uint8Array(HEADER_SIZE_BYTES));
  writeReservedPrepare(header, cluster, slot);
  return header;
}

export function rootHeader(cluster: bigint = CLUSTER): PrepareHeader {
  const header = new PrepareHeader(new Uint8Array(HEADER_SIZE_BYTES));
  writeRootPrepare(header, cluster);
  return header;
}

function bytesOf(header: PrepareHeader): Uint8Array {
  return header.buffer.subarray(header.offset, header.offset + HEADER_SIZE_BYTES);
}

/** Puts a header into a slot of the header ring. */
export function putHeader(image: Image, slot: number, header: PrepareHeader): void {
  image.walHeaders.set(bytesOf(header), slot * HEADER_SIZE_BYTES);
}

/** Puts bytes at the start of a slot of the prepare ring. */
export function putPrepare(config: Config, image: Image, slot: number, bytes: Uint8Array): void {
  image.walPrepares.set(bytes, slot * config.cluster.messageSizeMax);
}

/** Puts an op into both rings. */
export function putOp(config: Config, image: Image, options: PrepareOptions): void {
  const slot = options.op % config.cluster.journalSlotCount;
  putHeader(image, slot, prepareHeader(options));
  putPrepare(config, image, slot, prepareBytes(options));
}

/** A disk as `format` leaves it (spec 04 §25). */
export function formattedImage(config: Config, cluster: bigint = CLUSTER): Image {
  const image = emptyImage(config);
  for (let slot = 0; slot < config.cluster.journalSlotCount; slot += 1) {
    const header = slot === 0 ? rootHeader(cluster) : reservedHeader(slot, cluster);
    putHeader(image, slot, header);
    putPrepare(config, image, slot, bytesOf(header));
  }
  return image;
}

/** Overwrites bytes with something that no checksum matches. */
export function garble(bytes: Uint8Array, start: number, end: number): void {
  for (let index = start; index < end; index += 1) bytes[index] = (index * 31 + 7) & 0xff;
}

/** What the superblock says at the start of a log. */
export function recoveryAt(options: Partial<JournalRecovery> = {}): JournalRecovery {
  return {
    cluster: CLUSTER,
    opCheckpoint: 0,
    opPrepareMax: 31,
    view: 1,
    logView: 1,
    viewHeaders: [rootHeader()],
    solo: false,
    ...options,
  };
}

/** A journal on a simulated disk, not yet recovered. */
export interface Bench {
  readonly config: Config;
  readonly disk: SimulatedDisk;
  readonly pool: MessagePool;
  readonly journal: Journal;
}

export function createBench(config: Config, image: Image): Bench {
  const messagesMax = config.process.journalIopsReadMax + 8;
  const { messageSizeMax, journalSlotCount } = config.cluster;
  const memory = testMemory(messageSizeMax * messagesMax + journalSlotCount * 1024 + 4096 * 64);
  const disk = new SimulatedDisk(config, image);
  const pool = new MessagePool({ memory, messageSizeMax, messagesMax });
  const journal = new Journal({ config, memory, storage: disk, messagePool: pool, checksums });
  return { config, disk, pool, journal };
}

/** Recovers a new journal over the image. */
export function recoverBench(
  config: Config,
  image: Image,
  recovery: JournalRecovery = recoveryAt(),
): Bench & { readonly result: JournalRecoveryResult } {
  const bench = createBench(config, image);
  const results: JournalRecoveryResult[] = [];
  bench.journal.recover(recovery, (result) => results.push(result));
  bench.disk.drain();
  const [result] = results;
  if (result === undefined || results.length !== 1) throw new Error(`recovery ended ${results.length} times`);
  if (bench.pool.available !== bench.pool.messagesMax) throw new Error("recovery kept messages");
  return { ...bench, result };
}

/** A message of the pool with a prepare in it. */
export function prepareMessage(pool: MessagePool, options: PrepareOptions): Message {
  const message = pool.acquire();
  writePrepareInto(message.buffer, options);
  return message;
}

/** The members of a bit set. */
export function members(set: { readonly length: number; bit(index: number): boolean }): readonly number[] {
  return Array.from({ length: set.length }, (_, index) => index).filter((index) => set.bit(index));
}
