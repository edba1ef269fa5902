/**
 * What a data file holds of its checkpoint, as two numbers that are equal on every replica (spec 07 §12.3): read from the
 * bytes that were written, whatever has gone wrong with the disk since.
 *
 * @module
 */
import { decodeEwah, METADATA_OFFSET, TrailerMetadata } from "@stagbeetle/grid";
import { assert, checksumOf, LinearMemory } from "@stagbeetle/kernels";
import {
  BlockHeader,
  type CheckpointState,
  ClientSessions,
  clientSessionsTrailer,
  type Config,
  freeSetBlocksAcquiredTrailer,
  freeSetBlocksReleasedTrailer,
  HEADER_SIZE_BYTES,
  ReplyHeader,
  SECTOR_SIZE_BYTES,
  sectorCeil,
  type TrailerReference,
  zoneStart,
} from "@stagbeetle/vsr-protocol";

import type { Machine } from "../cluster/machine.ts";
import type { SimulatedDisk } from "../disk.ts";

const WORD_BITS = 32;

/** Reads checkpoints from disks. */
export class CheckpointDigest {
  readonly #config: Config;
  readonly #sessions: ClientSessions;

  constructor(config: Config) {
    this.#config = config;
    const memory = new LinearMemory({ sizeBytes: 1 << 18, shared: false });
    this.#sessions = new ClientSessions({ config, memory });
  }

  /** The checksum of all blocks that the checkpoint has acquired and not released, with their addresses. */
  grid(disk: SimulatedDisk, checkpoint: CheckpointState): bigint {
    return checksumOfBlocks(this.blocks(disk, checkpoint), (address) => this.#block(disk, address));
  }

  /** As {@link CheckpointDigest.grid}, of the blocks in use now, also of those that are still being written. */
  gridNow({ disk, store }: Machine): bigint {
    assert(store !== null, "a machine without a store has no blocks");
    const { grid, forest } = store;
    // Blocks of the manifest log that nobody has begun to write are still in memory only.
    const unwritten = new Set(forest.trees.manifestLog.addressesUnwritten);
    const used = [...grid.freeSet.addressesAcquired()].filter(
      (address) => !grid.freeSet.isReleased(address) && !unwritten.has(address),
    );
    return checksumOfBlocks(used, (address) => grid.blockBeingWritten(address)?.buffer ?? this.#block(disk, address));
  }

  /** The checksum of all replies with bodies that the checkpoint's sessions refer to, each in its slot. */
  clientReplies(disk: SimulatedDisk, checkpoint: CheckpointState): bigint {
    const reason = this.#sessions.decode(this.#trailer(disk, clientSessionsTrailer(checkpoint)));
    assert(reason === null, () => `the client sessions cannot be decoded: ${reason}`);
    const checksums: bigint[] = [];
    for (let slot = 0; slot < this.#sessions.capacity; slot += 1) {
      const header = this.#sessions.at(slot)?.header;
      if (header === undefined || header.size === HEADER_SIZE_BYTES) continue;
      const reply = new Uint8Array(sectorCeil(header.size));
      disk.readPristine(zoneStart(this.#config, "clientReplies") + slot * this.#config.cluster.messageSizeMax, reply);
      const { checksum } = new ReplyHeader(reply);
      assert(checksum === header.checksum, () => `the reply to op ${header.op} is not in slot ${slot}`);
      checksums.push(BigInt(slot), checksumOf(reply));
    }
    return checksumOfNumbers(checksums);
  }

  /** The addresses of all blocks that the checkpoint has acquired and not released, ascending. */
  blocks(disk: SimulatedDisk, checkpoint: CheckpointState): readonly number[] {
    const acquired = this.#bits(disk, freeSetBlocksAcquiredTrailer(checkpoint));
    const released = this.#bits(disk, freeSetBlocksReleasedTrailer(checkpoint));
    return acquired.flatMap((word, index) => {
      const used = word & ~(released[index] ?? 0);
      return Array.from({ length: WORD_BITS }, (_, bit) => bit).flatMap((bit) =>
        ((used >>> bit) & 1) === 1 ? [index * WORD_BITS + bit + 1] : [],
      );
    });
  }

  #bits(disk: SimulatedDisk, reference: TrailerReference): readonly number[] {
    const bytes = this.#trailer(disk, reference);
    const words = new Uint32Array(bytes.slice().buffer);
    // A run may stand for many words.
    const bits = new Uint32Array(this.#config.process.storageSizeLimitMax / this.#config.cluster.blockSize / WORD_BITS);
    const decoded = decodeEwah(words, bits);
    assert(typeof decoded === "number", () => `the free set cannot be decoded: ${decoded}`);
    const end = bits.findLastIndex((word) => word !== 0) + 1;
    return [...bits.subarray(0, end)];
  }

  /** The bytes of a trailer, from its chain of blocks, last block first. */
  #trailer(disk: SimulatedDisk, { lastBlock, size, checksum }: TrailerReference): Uint8Array {
    const bytes = new Uint8Array(size);
    let end = size;
    for (let next = lastBlock; next.address !== 0;) {
      const { address, checksum: expected } = next;
      const block = this.#block(disk, address);
      const header = new BlockHeader(block);
      assert(header.checksum === expected, () => `block ${address} of a trailer is not on the disk`);
      end -= header.size - HEADER_SIZE_BYTES;
      bytes.set(block.subarray(HEADER_SIZE_BYTES, header.size), end);
      const metadata = new TrailerMetadata(block, METADATA_OFFSET);
      next = { address: metadata.previousTrailerBlockAddress, checksum: metadata.previousTrailerBlockChecksum };
    }
    assert(end === 0 && checksumOf(bytes) === checksum, () => `a trailer of ${size} bytes is not whole on the disk`);
    return bytes;
  }

  #block(disk: SimulatedDisk, address: number): Uint8Array {
    const { blockSize } = this.#config.cluster;
    const offset = zoneStart(this.#config, "grid") + (address - 1) * blockSize;
    assert(offset % SECTOR_SIZE_BYTES === 0 && address > 0, () => `block ${address}`);
    const block = new Uint8Array(blockSize);
    disk.readPristine(offset, block);
    return block;
  }
}

function checksumOfBlocks(addresses: readonly number[], blockAt: (address: number) => Uint8Array): bigint {
  const checksums: bigint[] = [];
  for (const address of addresses) {
    const block = blockAt(address);
    const header = new BlockHeader(block);
    assert(header.address === address, () => `block ${address} is not on the disk: ${header.address} is there`);
    assertZero(block, header.size, sectorCeil(header.size), `the padding of block ${address}`);
    checksums.push(BigInt(address), checksumOf(block.subarray(0, header.size)));
  }
  return checksumOfNumbers(checksums);
}

function assertZero(bytes: Uint8Array, begin: number, end: number, what: string): void {
  assert(
    bytes.subarray(begin, end).every((byte) => byte === 0),
    () => `${what} is not zero`,
  );
}

function checksumOfNumbers(numbers: readonly bigint[]): bigint {
  const view = new DataView(new ArrayBuffer(numbers.length * 16));
  for (const [index, number] of numbers.entries()) {
    view.setBigUint64(index * 16, BigInt.asUintN(64, number), true);
    view.setBigUint64(index * 16 + 8, number >> 64n, true);
  }
  return checksumOf(new Uint8Array(view.buffer));
}
