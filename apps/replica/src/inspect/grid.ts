/**
 * `inspect grid`: which blocks of the grid are in use (spec 06 §6.8).
 */
import { hex128, lines } from "@stagbeetle/command-line";
import { decodeEwah } from "@stagbeetle/grid";
import { BlockType, freeSetBlocksAcquiredTrailer, freeSetBlocksReleasedTrailer } from "@stagbeetle/vsr-protocol";
import type { CheckpointState, Config } from "@stagbeetle/vsr-protocol";

import { gridAddressMax } from "./data-file-reader.ts";
import type { DataFileReader } from "./data-file-reader.ts";
import { InspectError } from "./inspect-error.ts";
import { sizeText } from "./text.ts";
import { readTrailer } from "./trailer.ts";
import type { Trailer } from "./trailer.ts";

const BITS_PER_HALF = 32;
const BITS_PER_BYTE = 8;

/** A set of block addresses as it was decoded. */
export class BlockSet {
  /** Bit 0 of word 0 is address 1. */
  readonly #bits: Uint32Array;
  /** How many addresses there are in it. */
  readonly count: number;
  /** 0 if it is empty. */
  readonly addressMax: number;

  constructor(bits: Uint32Array) {
    let count = 0;
    let addressMax = 0;
    for (let half = 0; half < bits.length; half += 1) {
      const word = bits[half] ?? 0;
      if (word === 0) continue;
      count += bitCount(word);
      addressMax = half * BITS_PER_HALF + BITS_PER_HALF - Math.clz32(word);
    }
    this.#bits = bits;
    this.count = count;
    this.addressMax = addressMax;
  }

  has(address: number): boolean {
    const word = this.#bits[Math.floor((address - 1) / BITS_PER_HALF)] ?? 0;
    return ((word >>> ((address - 1) % BITS_PER_HALF)) & 1) === 1;
  }

  /** All addresses, ascending. */
  *addresses(): Generator<number> {
    for (let address = 1; address <= this.addressMax; address += 1) if (this.has(address)) yield address;
  }
}

function bitCount(word: number): number {
  let rest = word >>> 0;
  let count = 0;
  for (; rest !== 0; count += 1) rest = (rest & (rest - 1)) >>> 0;
  return count;
}

/** @returns the set, or why the bytes are none. Safe on any whole number of u64. */
export function decodeBlockSet(config: Config, encoded: Uint8Array): BlockSet | string {
  const bits = new Uint32Array(gridAddressMax(config) / BITS_PER_HALF);
  const copy = encoded.slice();
  const source = new Uint32Array(copy.buffer, 0, copy.length / Uint32Array.BYTES_PER_ELEMENT);
  const decoded = decodeEwah(source, bits);
  return typeof decoded === "number" ? new BlockSet(bits) : decoded;
}

/** The free set of a checkpoint as it is stored: without the blocks that it is itself in. */
export interface StoredFreeSet {
  readonly acquired: BlockSet;
  readonly released: BlockSet;
  readonly acquiredTrailer: Trailer;
  readonly releasedTrailer: Trailer;
}

/** One of the two sets. */
export interface BlockSetReport {
  /** With the blocks that the free set itself is in. */
  readonly blocks: number;
  /** Null if it is empty. As the reference has it: of acquired blocks with those of the free set itself, of released ones without. */
  readonly highestAddress: number | null;
  readonly encodedSizeBytes: number;
  /** How much larger it would be as plain bits up to the highest address; null if it is empty. */
  readonly compressionRatio: number | null;
}

/** The free set of a checkpoint. */
export interface GridReport {
  /** The blocks that the free set itself is in, as they were read: each chain from its end. */
  readonly trailerBlocks: readonly { readonly index: number; readonly address: number; readonly checksum: string }[];
  /** Of the largest possible data file. */
  readonly blocksFree: number;
  readonly acquired: BlockSetReport;
  readonly released: BlockSetReport;
}

/** What `inspect grid` says of the free set of a checkpoint. */
export function gridReport(config: Config, freeSet: StoredFreeSet): GridReport {
  const { acquired, released, acquiredTrailer, releasedTrailer } = freeSet;
  const trailers = [...acquiredTrailer.blocks, ...releasedTrailer.blocks];
  // The stored sets are without the blocks that they are stored in, which are in use until the next checkpoint.
  const acquiredMax = Math.max(acquired.addressMax, ...trailers.map(({ address }) => address));
  const trailerBlocks = [acquiredTrailer, releasedTrailer].flatMap(({ blocks }) =>
    blocks.map(({ address, checksum }, index) => ({ index, address, checksum: hex128(checksum) })),
  );
  return {
    trailerBlocks,
    blocksFree: gridAddressMax(config) - acquired.count - trailers.length,
    acquired: blockSetReport(acquired.count + trailers.length, acquiredMax, acquiredTrailer.bytes.length),
    released: blockSetReport(released.count + trailers.length, released.addressMax, releasedTrailer.bytes.length),
  };
}

function blockSetReport(blocks: number, addressMax: number, sizeBytes: number): BlockSetReport {
  return {
    blocks,
    highestAddress: addressMax === 0 ? null : addressMax,
    encodedSizeBytes: sizeBytes,
    compressionRatio: sizeBytes === 0 ? null : Math.ceil(addressMax / BITS_PER_BYTE) / sizeBytes,
  };
}

const RATIO_DIGITS = 4;

/** As the reference prints it. */
export function gridText({ trailerBlocks, blocksFree, acquired, released }: GridReport): string {
  return lines([
    ...trailerBlocks.map(
      ({ index, address, checksum }) => `free_set_trailer.blocks[${index}]: address=${address} checksum=${checksum}`,
    ),
    `free_set.blocks_free=${blocksFree}`,
    `free_set.blocks_acquired=${acquired.blocks}`,
    `free_set.blocks_released=${released.blocks}`,
    ...blockSetLines("acquired", acquired),
    ...blockSetLines("released", released),
  ]);
}

function blockSetLines(name: string, { highestAddress, encodedSizeBytes, compressionRatio }: BlockSetReport): string[] {
  return [
    `free_set.highest_address_${name}=${highestAddress}`,
    `free_set.${name}_size=${sizeText(encodedSizeBytes)}`,
    `free_set.${name}_compression_ratio=${compressionRatio?.toFixed(RATIO_DIGITS) ?? "-nan"}`,
  ];
}

/** Reads the free set of a checkpoint. @throws InspectError if it cannot be read. */
export async function readFreeSet(reader: DataFileReader, checkpoint: CheckpointState): Promise<StoredFreeSet> {
  const acquired = await readBlockSet(reader, "acquired", freeSetBlocksAcquiredTrailer(checkpoint));
  const released = await readBlockSet(reader, "released", freeSetBlocksReleasedTrailer(checkpoint));
  return {
    acquired: acquired.set,
    acquiredTrailer: acquired.trailer,
    released: released.set,
    releasedTrailer: released.trailer,
  };
}

async function readBlockSet(
  reader: DataFileReader,
  name: string,
  reference: Parameters<typeof readTrailer>[1],
): Promise<{ readonly set: BlockSet; readonly trailer: Trailer }> {
  const trailer = await readTrailer(reader, reference, BlockType.freeSet);
  if (trailer.fault !== null) throw new InspectError(`set of ${name} blocks: ${trailer.fault}`);
  const set = decodeBlockSet(reader.config, trailer.bytes);
  if (typeof set === "string") throw new InspectError(`set of ${name} blocks: its encoding is ${set}`);
  return { set, trailer };
}
