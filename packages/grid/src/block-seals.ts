/**
 * Sealing blocks: a new block gets its checksums, for which the body may be read on another thread, and can be written then.
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import { type BodyChecksums, ChecksumRequest, type Checksums } from "@stagbeetle/vsr-protocol";
import type { Block } from "./block.ts";

/** One block that is being sealed, allocated once by its owner and used again and again. */
export class BlockSeal {
  /**
   * Called once per use when the block has its checksums, perhaps from inside the call that started it. The seal may be used
   * again from within.
   */
  readonly onSealed: (seal: BlockSeal) => void;
  /** The grid's own. */
  readonly request: ChecksumRequest = new ChecksumRequest("deferred", () => this.#onChecksum?.(this));
  #block: Block | null = null;
  #onChecksum: ((seal: BlockSeal) => void) | null = null;

  constructor(onSealed: (seal: BlockSeal) => void) {
    this.onSealed = onSealed;
  }

  /** Whether the block is being read: nobody may change it or use it then. */
  get pending(): boolean {
    return this.#block !== null;
  }

  /** What is being sealed. */
  get block(): Block {
    assert(this.#block !== null, "the seal is idle");
    return this.#block;
  }

  /** Called by the grid when it takes the seal. */
  begin(block: Block, onChecksum: (seal: BlockSeal) => void): void {
    assert(this.#block === null, "a seal is used for two blocks at once");
    this.#block = block;
    this.#onChecksum = onChecksum;
  }

  /** Called by the grid when the block is sealed, or dropped. */
  end(): void {
    assert(this.#block !== null, "the seal is idle");
    this.#block = null;
  }
}

/** What the seals are made of. */
export interface BlockSealsOptions {
  readonly checksums: Checksums;
  readonly bodyChecksums: BodyChecksums;
  /** Runs when the last block has been read while all were dropped. */
  readonly onCancelled: () => void;
}

/** All blocks that are being sealed. */
export class BlockSeals {
  readonly #checksums: Checksums;
  readonly #bodyChecksums: BodyChecksums;
  readonly #onCancelled: () => void;
  readonly #onChecksum: (seal: BlockSeal) => void = (seal) => this.#sealed(seal);
  readonly #addresses = new Set<number>();
  #cancelling = false;

  constructor({ checksums, bodyChecksums, onCancelled }: BlockSealsOptions) {
    this.#checksums = checksums;
    this.#bodyChecksums = bodyChecksums;
    this.#onCancelled = onCancelled;
  }

  /** How many blocks are being sealed. */
  get runningCount(): number {
    return this.#addresses.size;
  }

  /** Whether the block of this address is being sealed. */
  sealing(address: number): boolean {
    return this.#addresses.has(address);
  }

  /** Ends a new block of `sizeBytes`, header included: its size and both checksums. The caller keeps the block. */
  sealBlock(seal: BlockSeal, block: Block, sizeBytes: number): void {
    const { address } = block.header;
    assert(!this.#cancelling, "a block is sealed while all are dropped");
    assert(!this.sealing(address), () => `block ${address} is sealed twice at once`);
    const body = block.beginSeal(sizeBytes);
    seal.begin(block, this.#onChecksum);
    this.#addresses.add(address);
    this.#bodyChecksums.compute(seal.request, body);
  }

  /** Drops all: what is being read is read to its end, but nobody hears of it. True if nothing is. */
  cancel(): boolean {
    assert(!this.#cancelling, "seals are being dropped already");
    this.#cancelling = this.runningCount > 0;
    return !this.#cancelling;
  }

  #sealed(seal: BlockSeal): void {
    const { block, request } = seal;
    const { address } = block.header;
    assert(this.sealing(address), () => `block ${address} is sealed and nobody asked for it`);
    this.#addresses.delete(address);
    seal.end();
    if (this.#cancelling) {
      if (this.runningCount > 0) return;
      this.#cancelling = false;
      this.#onCancelled();
      return;
    }
    block.endSeal(request.checksum, this.#checksums);
    seal.onSealed(seal);
  }
}
