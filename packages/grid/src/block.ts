/**
 * A block of the grid: 256 bytes of header and a body, in a buffer of `block_size` bytes (spec 04 §5.4, §18, §19.1).
 *
 * On disk a block is identified by its address and the checksum of its header. The header contains the checksum of the
 * body, so the pair identifies the content: whoever holds it can tell every other block, also an older one of the same
 * address, from the one it wants.
 *
 * @module
 */
import { assert, type Pointer } from "@stagbeetle/kernels";
import {
  BlockHeader,
  type BlockReference,
  type BlockType,
  type Checksums,
  Command,
  HEADER_SIZE_BYTES,
  initHeader,
  type Layout,
  type RecordClass,
  type RecordOf,
  sectorCeil,
} from "@stagbeetle/vsr-protocol";
import { METADATA_OFFSET } from "./block-metadata.ts";

/**
 * What is wrong with a block that was read: the first that fails, in this order. All are handled alike; logs tell them
 * apart.
 */
export type BlockFault =
  | "invalid_checksum"
  | "unexpected_command"
  | "invalid_size"
  | "invalid_checksum_body"
  | "unexpected_checksum"
  | "invalid_padding";

/** What a new block's header says. */
export interface BlockValues {
  readonly cluster: bigint;
  /** That of the current checkpoint, not of the running binary. */
  readonly release: number;
  readonly address: number;
  /** Greater than 0 in index and value blocks, 0 in all others. */
  readonly snapshot: number;
  readonly blockType: BlockType;
}

/**
 * A reference-counted buffer that holds one block. Blocks come from a `BlockPool` and go back to it when their last
 * reference is released. A block that was handed to the grid is immutable.
 */
export class Block {
  /** `block_size` bytes of the replica's linear memory, aligned to a sector. Bytes behind the block are stale. */
  readonly buffer: Uint8Array;
  /** Where the buffer is in linear memory, for kernels. */
  readonly pointer: Pointer;
  readonly header: BlockHeader;
  readonly #free: (block: Block) => void;
  readonly #metadata = new Map<unknown, unknown>();
  #references = 0;

  /** Called by the pool only. `free` takes the block back once nothing refers to it. */
  constructor(buffer: Uint8Array, pointer: Pointer, free: (block: Block) => void) {
    this.buffer = buffer;
    this.pointer = pointer;
    this.header = new BlockHeader(buffer);
    this.#free = free;
  }

  /** How many owners hold the block; 0 while it is in the pool. */
  get references(): number {
    return this.#references;
  }

  /** The metadata seen as that of one kind of block, for example `block.metadata(ValueMetadata)`. Made once per kind. */
  metadata<Fields extends Layout>(kind: RecordClass<Fields>): RecordOf<Fields> {
    assert(this.#references > 0, "a released block is used");
    let view = this.#metadata.get(kind);
    if (view === undefined) {
      view = new kind(this.buffer, METADATA_OFFSET);
      this.#metadata.set(kind, view);
    }
    return view as RecordOf<Fields>;
  }

  /** Header and body: `size` bytes. */
  bytes(): Uint8Array {
    return this.buffer.subarray(0, this.#size());
  }

  /** The body: `size` − 256 bytes. */
  body(): Uint8Array {
    return this.buffer.subarray(HEADER_SIZE_BYTES, this.#size());
  }

  /** Whole sectors of the block, as they are on disk. */
  sectors(): Uint8Array {
    return this.buffer.subarray(0, sectorCeil(this.#size()));
  }

  /** Where the block is and which checksum it has. */
  reference(): BlockReference {
    assert(this.#references > 0, "a released block is used");
    return { address: this.header.address, checksum: this.header.checksum };
  }

  /**
   * Makes the header that of a new block without a body, with zero metadata. Metadata and body are to follow, then
   * {@link seal}.
   */
  init({ cluster, release, address, snapshot, blockType }: BlockValues): void {
    assert(this.#references === 1, () => `a block with ${this.#references} owners is changed`);
    assert(release > 0 && address > 0, () => `release ${release}, address ${address}`);
    initHeader(this.header, Command.block, cluster);
    this.header.release = release;
    this.header.address = address;
    this.header.snapshot = snapshot;
    this.header.blockType = blockType;
  }

  /** Ends a new block: its size (header and body, in bytes) and both checksums. Zeroes the rest of its last sector. */
  seal(sizeBytes: number, checksums: Checksums): void {
    this.endSeal(checksums.of(this.beginSeal(sizeBytes)), checksums);
  }

  /** The first half of {@link seal}: returns the body, whose checksum is to be computed. It must not change any more. */
  beginSeal(sizeBytes: number): Uint8Array {
    assert(this.#references === 1, () => `a block with ${this.#references} owners is changed`);
    assert(
      sizeBytes > HEADER_SIZE_BYTES && sizeBytes <= this.buffer.length,
      () => `a block of ${sizeBytes} bytes, header included`,
    );
    this.header.size = sizeBytes;
    return this.body();
  }

  /** The second half of {@link seal}, with the checksum of the body. */
  endSeal(checksumBody: bigint, checksums: Checksums): void {
    assert(this.#references === 1, () => `a block with ${this.#references} owners is changed`);
    this.header.checksumBody = checksumBody;
    checksums.set(this.header);
    this.zeroSectorPadding();
  }

  /** Zeroes the bytes between the block and the end of its last sector, which are written with it. */
  zeroSectorPadding(): void {
    const size = this.#size();
    this.buffer.fill(0, size, sectorCeil(size));
  }

  /** Adds an owner, who must `release` it. Returns the block. */
  retain(): this {
    this.#references += 1;
    return this;
  }

  /** Gives up one reference; with the last one the buffer returns to its pool. */
  release(): void {
    assert(this.#references > 0, "a block is released more often than it was retained");
    this.#references -= 1;
    if (this.#references === 0) this.#free(this);
  }

  #size(): number {
    assert(this.#references > 0, "a released block is used");
    const { size } = this.header;
    assert(size > HEADER_SIZE_BYTES && size <= this.buffer.length, () => `a block of ${size} bytes`);
    return size;
  }
}

/**
 * Why the bytes that were read are not the block that was wanted, or null. Safe on any bytes.
 *
 * @throws AssertionError if they are exactly what the reference's checksum says, but of another address: then the
 * reference is wrong, not the disk.
 */
export function blockFault(block: Block, wanted: BlockReference, checksums: Checksums): BlockFault | null {
  return blockHeaderFault(block, checksums) ?? blockBodyFault(block, wanted, checksums.of(block.body()));
}

/** The first half of {@link blockFault}: what is wrong with the header alone, or null. If null, the block has a body. */
export function blockHeaderFault({ header, buffer }: Block, checksums: Checksums): BlockFault | null {
  if (!checksums.valid(header)) return "invalid_checksum";
  if (header.command !== Command.block) return "unexpected_command";
  // No block has such a size, but a header may come from a file of another configuration.
  if (header.size <= HEADER_SIZE_BYTES || header.size > buffer.length) return "invalid_size";
  return null;
}

/** The second half of {@link blockFault}, of a block whose header is faultless: `checksumBody` is that of its body. */
export function blockBodyFault(
  { header, buffer }: Block,
  wanted: BlockReference,
  checksumBody: bigint,
): BlockFault | null {
  if (header.checksumBody !== checksumBody) return "invalid_checksum_body";
  if (header.checksum !== wanted.checksum) return "unexpected_checksum";
  const end = sectorCeil(header.size);
  for (let at = header.size; at < end; at += 1) if (buffer[at] !== 0) return "invalid_padding";
  assert(
    header.address === wanted.address,
    () => `block ${header.address} has the checksum of block ${wanted.address}`,
  );
  return null;
}
