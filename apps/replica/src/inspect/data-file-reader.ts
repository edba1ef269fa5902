/**
 * A data file that is only looked at.
 */
import { blockFault, BlockPool, metadataInvalid } from "@stagbeetle/grid";
import type { Block } from "@stagbeetle/grid";
import { FileStorage, openDataFile } from "@stagbeetle/io-linux";
import type { DataFile } from "@stagbeetle/io-linux";
import { assert, createKernels, LinearMemory } from "@stagbeetle/kernels";
import {
  Checksums,
  HEADER_SIZE_BYTES,
  sectorCeil,
  SECTOR_SIZE_BYTES,
  StorageRequest,
  SUPERBLOCK_HEADER_SIZE_BYTES,
  SuperBlockImage,
} from "@stagbeetle/vsr-protocol";
import type { BlockReference, BlockType, Config, Header, Zone } from "@stagbeetle/vsr-protocol";

import { createLogger } from "../log.ts";

/** A message, a block, and what the checksum takes. */
const MEMORY_SIZE_BYTES = 4 * 2 ** 20;

/** The highest block address that any data file has. */
export function gridAddressMax({ cluster, process }: Config): number {
  return Math.floor(process.storageSizeLimitMax / cluster.blockSize);
}

/** A block, or why there is none. */
export type BlockResult = { readonly block: Block } | { readonly fault: string };

/**
 * Reads the zones of one data file, one piece at a time: what was read is overwritten by the next read. Sectors that the
 * disk cannot read, and what lies behind the end of the file, are zeros.
 */
export class DataFileReader {
  readonly config: Config;
  readonly checksums: Checksums;
  readonly #file: DataFile;
  readonly #storage: FileStorage;
  readonly #buffer: Uint8Array;
  readonly #block: Block;

  private constructor(config: Config, file: DataFile) {
    const memory = new LinearMemory({ sizeBytes: MEMORY_SIZE_BYTES });
    const { messageSizeMax, blockSize } = config.cluster;
    const start = memory.allocate(messageSizeMax, SECTOR_SIZE_BYTES, "what is read");
    this.config = config;
    this.checksums = new Checksums(createKernels({ memory }));
    this.#file = file;
    this.#storage = new FileStorage({ config, file, logger: createLogger("storage") });
    this.#buffer = memory.bytes.subarray(start, start + messageSizeMax);
    this.#block = new BlockPool({ memory, blockSize, blocksMax: 1 }).acquire();
  }

  /**
   * Opens a data file to read. If a process serves from it, a line of the log warns that what is read may not fit together.
   *
   * @throws DataFileError
   */
  static async open(path: string, config: Config): Promise<DataFileReader> {
    const logger = createLogger("storage");
    return new DataFileReader(
      config,
      await openDataFile({ path, purpose: "inspect", config, directIo: "optional", logger }),
    );
  }

  /** Reads a file that is open already. Whoever opened it closes it. */
  static of(config: Config, file: DataFile): DataFileReader {
    return new DataFileReader(config, file);
  }

  close(): void {
    this.#file.close();
  }

  /** Reads whole sectors: `sizeBytes` of them at most a message. Valid until the next read. */
  async read(zone: Zone, offsetInZone: number, sizeBytes: number): Promise<Uint8Array> {
    assert(sizeBytes > 0 && sizeBytes <= this.#buffer.length, () => `a read of ${sizeBytes} bytes`);
    const buffer = this.#buffer.subarray(0, sizeBytes);
    await this.#fill(zone, offsetInZone, buffer);
    return buffer;
  }

  /** All copies of the superblock, valid or not, in memory of their own. */
  async superblockCopies(): Promise<readonly SuperBlockImage[]> {
    const copies: SuperBlockImage[] = [];
    for (let copy = 0; copy < this.config.cluster.superblockCopies; copy += 1) {
      const offset = copy * this.config.derived.superblockCopySize;
      const bytes = await this.read("superblock", offset, SUPERBLOCK_HEADER_SIZE_BYTES);
      copies.push(new SuperBlockImage(this.config, bytes.slice()));
    }
    return copies;
  }

  /** Reads the sectors that hold a message whose header was read; only its first one if the header is damaged. */
  async readMessage(zone: "walPrepares" | "clientReplies", slot: number, headerClass: HeaderView): Promise<Uint8Array> {
    const { messageSizeMax } = this.config.cluster;
    const offset = slot * messageSizeMax;
    const first = await this.read(zone, offset, SECTOR_SIZE_BYTES);
    const header = new headerClass(first);
    if (!this.checksums.valid(header) || header.size <= first.length || header.size > messageSizeMax) return first;
    return this.read(zone, offset, sectorCeil(header.size));
  }

  /** Reads one block of the grid and checks that it is the one that is wanted. Valid until the next block is read. */
  async readBlock(wanted: BlockReference, blockType: BlockType): Promise<BlockResult> {
    const { blockSize } = this.config.cluster;
    if (wanted.address < 1 || wanted.address > gridAddressMax(this.config))
      return { fault: "there can be no such block" };
    const block = this.#block;
    await this.#fill("grid", (wanted.address - 1) * blockSize, block.buffer);
    const fault = blockFault(block, wanted, this.checksums);
    if (fault !== null) return { fault };
    if (block.header.blockType !== blockType) return { fault: `block_type is ${block.header.blockType}` };
    const invalid = metadataInvalid(block.header, this.config);
    return invalid === null ? { block } : { fault: invalid };
  }

  async #fill(zone: Zone, offsetInZone: number, buffer: Uint8Array): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#storage.readSectors(new StorageRequest(() => resolve()), zone, offsetInZone, buffer);
    await promise;
  }
}

/** The class of a header, which all have a frame. */
type HeaderView = new (buffer: Uint8Array) => Header;

/** Whether header and body of a message are what was once written. Safe on any bytes that begin with a header. */
export function messageValid(header: Header, bytes: Uint8Array, checksums: Checksums): boolean {
  if (!checksums.valid(header)) return false;
  if (header.size < HEADER_SIZE_BYTES || header.size > bytes.length) return false;
  return checksums.validBody(header, bytes.subarray(HEADER_SIZE_BYTES, header.size));
}
