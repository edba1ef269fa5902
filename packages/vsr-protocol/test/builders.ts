/**
 * Small builders of headers and superblocks for tests.
 *
 * @module
 */
import { assert, checksumOf, LinearMemory } from "@stagbeetle/kernels";
import { propertyRuns } from "@stagbeetle/kernels/testing";
import {
  CHECKSUM_EMPTY,
  Command,
  type Config,
  type FormatOptions,
  HEADER_SIZE_BYTES,
  type LogFields,
  type Logger,
  type LogLevel,
  PrepareHeader,
  ReplyHeader,
  SILENT_LOGGER,
  type Storage,
  SuperBlock,
  SUPERBLOCK_HEADER_SIZE_BYTES,
  SuperBlockImage,
  TEST_MIN,
  writeRootPrepare,
} from "@stagbeetle/vsr-protocol";
import { writeBlankPrepare } from "../src/message/special-prepares.ts";
import { MemoryStorage } from "./memory-storage.ts";

/** 0.17.8, the release of the specification's vectors. */
export const RELEASE = 4360;

/** How often a property is tried: more in a thorough run. */
export const PROPERTY_RUNS: number = propertyRuns(100);

/** A prepare header with a valid checksum. */
export function prepareHeader(fields: {
  readonly op: number;
  readonly view?: number;
  readonly parent?: bigint;
  readonly timestamp?: bigint;
  readonly cluster?: bigint;
  readonly commit?: number;
  readonly operation?: number;
}): PrepareHeader {
  const header = new PrepareHeader(new Uint8Array(HEADER_SIZE_BYTES));
  header.checksumBody = CHECKSUM_EMPTY;
  header.cluster = fields.cluster ?? 0n;
  header.size = HEADER_SIZE_BYTES;
  header.view = fields.view ?? 0;
  header.release = RELEASE;
  header.command = Command.prepare;
  header.parent = fields.parent ?? 0n;
  header.op = fields.op;
  header.commit = fields.commit ?? 0;
  header.client = 1n;
  header.request = 1;
  header.timestamp = fields.timestamp ?? BigInt(fields.op) * 100n;
  header.operation = fields.operation ?? 128;
  return sealed(header);
}

/** A blank header: the mark of a gap. */
export function blankHeader(op: number): PrepareHeader {
  const header = new PrepareHeader(new Uint8Array(HEADER_SIZE_BYTES));
  writeBlankPrepare(header, op);
  return header;
}

/** Gives a changed header its checksum again. */
export function sealed(header: PrepareHeader): PrepareHeader {
  header.checksum = checksumOf(header.buffer.subarray(header.offset + 16, header.offset + HEADER_SIZE_BYTES));
  return header;
}

/** The header of op 0, with which every log begins. */
function rootHeader(): PrepareHeader {
  const header = new PrepareHeader(new Uint8Array(HEADER_SIZE_BYTES));
  writeRootPrepare(header, 0n);
  return header;
}

/** A hash chain of headers for the ops `from` down to `to`, highest first. */
export function headerChain(from: number, to: number, view: (op: number) => number = () => 0): PrepareHeader[] {
  const chain: PrepareHeader[] = [];
  for (let op = to; op <= from; op++) {
    const parent = chain.at(-1)?.checksum ?? 0n;
    chain.push(op === 0 ? rootHeader() : prepareHeader({ op, view: view(op), parent }));
  }
  return chain.reverse();
}

/** A reply header with a valid checksum. */
export function replyHeader(fields: {
  readonly client: bigint;
  readonly op: number;
  readonly request?: number;
  readonly body?: Uint8Array;
}): ReplyHeader {
  const header = new ReplyHeader(new Uint8Array(HEADER_SIZE_BYTES));
  header.checksumBody = fields.body === undefined ? CHECKSUM_EMPTY : checksumOf(fields.body);
  header.size = HEADER_SIZE_BYTES + (fields.body?.length ?? 0);
  header.command = Command.reply;
  header.release = RELEASE;
  header.client = fields.client;
  header.op = fields.op;
  header.commit = fields.op;
  header.timestamp = BigInt(fields.op);
  header.request = fields.request ?? 1;
  header.operation = 128;
  header.checksum = checksumOf(header.buffer.subarray(16, HEADER_SIZE_BYTES));
  return header;
}

/** Memory that starts out dirty, as reused memory is. */
export function dirtyMemory(sizeBytes: number): LinearMemory {
  const memory = new LinearMemory({ sizeBytes: sizeBytes + 65_536 });
  const start = memory.allocate(4096, 4096, "start");
  memory.bytes.fill(0xdd, start);
  return memory;
}

/** A superblock on a storage. */
export function makeSuperBlock(
  storage: Storage,
  options: { readonly config?: Config; readonly storageSizeLimit?: number; readonly logger?: Logger } = {},
): SuperBlock {
  const config = options.config ?? TEST_MIN;
  return new SuperBlock({
    config,
    storage,
    memory: dirtyMemory(16 * SUPERBLOCK_HEADER_SIZE_BYTES),
    storageSizeLimit: options.storageSizeLimit ?? config.process.storageSizeLimitMax,
    logger: options.logger ?? SILENT_LOGGER,
  });
}

/** What most tests format. */
export const FORMAT: FormatOptions = { cluster: 0n, release: RELEASE, replica: 0, replicaCount: 1, view: 0 };

/** A file with a superblock of sequence 1. */
export function formatted(options: Partial<FormatOptions> = {}, config: Config = TEST_MIN): MemoryStorage {
  const storage = new MemoryStorage(config);
  let done = false;
  makeSuperBlock(storage, { config }).format({ ...FORMAT, ...options }, () => (done = true));
  storage.run();
  assert(done, "format completes");
  return storage.restart();
}

/** An opened superblock. */
export function opened(storage: MemoryStorage, config: Config = TEST_MIN): SuperBlock {
  const superblock = makeSuperBlock(storage, { config });
  let done = false;
  superblock.open(() => (done = true));
  storage.run();
  assert(done, "open completes");
  return superblock;
}

/** A copy of what a slot of the superblock zone holds. */
export function imageAt(storage: MemoryStorage, slot: number, config: Config = TEST_MIN): SuperBlockImage {
  return new SuperBlockImage(
    config,
    storage.read(slot * config.derived.superblockCopySize, SUPERBLOCK_HEADER_SIZE_BYTES),
  );
}

/** Collects what is logged. */
export class RecordingLogger implements Logger {
  readonly lines: string[] = [];
  enabled(): boolean {
    return true;
  }
  log(level: LogLevel, message: string, fields?: LogFields): void {
    const values = Object.entries(fields ?? {}).map(([name, value]) => ` ${name}=${value}`);
    this.lines.push(`${level}: ${message}${values.join("")}`);
  }
}
