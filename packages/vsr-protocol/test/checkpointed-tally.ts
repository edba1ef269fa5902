/**
 * The tally machine with a store in the grid that behaves as the forest does towards the replica: it writes a block at the
 * end of each bar, its checkpoint holds the state of the bar before, and it does not compact again what is replayed.
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import {
  type BlockReference,
  type Config,
  MANIFEST_EMPTY,
  type ManifestReferences,
  NO_BLOCK,
  type SuperBlock,
  trigger,
} from "@stagbeetle/vsr-protocol";
import type { MemoryGrid } from "./memory-grid.ts";
import type { MemoryStorage } from "./memory-storage.ts";
import { TallyMachine } from "./tally.ts";

const STATE_SIZE_BYTES = 16;

/** What the machine is made of. */
export interface CheckpointedTallyOptions {
  readonly config: Config;
  readonly storage: MemoryStorage;
  readonly superblock: Pick<SuperBlock, "working">;
  readonly grid: MemoryGrid;
}

export class CheckpointedTally extends TallyMachine {
  override readonly checkpoints: boolean = true;
  readonly #options: CheckpointedTallyOptions;
  /** The state at the end of the last bar, and of the one before it. */
  #bar: Uint8Array;
  #barBefore: Uint8Array;
  /** What compaction wrote last. */
  #table: BlockReference = NO_BLOCK;
  #references: ManifestReferences = MANIFEST_EMPTY;

  constructor(options: CheckpointedTallyOptions) {
    super(options.storage);
    this.#options = options;
    this.#bar = this.#encodeState();
    this.#barBefore = this.#bar;
  }

  override open(callback: () => void): void {
    const { grid, superblock } = this.#options;
    const { checkpoint } = superblock.working;
    if (checkpoint.manifestBlockCount === 0) {
      super.open(callback);
      return;
    }
    this.calls.push("open");
    const block = { address: checkpoint.manifestNewestAddress, checksum: checkpoint.manifestNewestChecksum };
    this.#references = { oldest: block, newest: block, blockCount: 1 };
    grid.read(block, (bytes) => {
      this.#decodeManifest(bytes);
      // It must be there still, whatever was written since.
      grid.read(this.#table, () => callback());
    });
  }

  override compact(op: number, callback: () => void): void {
    const { config, grid } = this.#options;
    if ((op + 1) % config.cluster.lsmCompactionOps !== 0) return super.compact(op, callback);
    this.calls.push(`compact ${op}`);
    this.#barBefore = this.#bar;
    this.#bar = this.#encodeState();
    if (op <= this.#compactedMax) return grid.nextTick(callback);
    const address = grid.acquire();
    if (this.#table.address > 0) grid.release([this.#table.address]);
    this.#table = grid.write(address, this.#barBefore, callback);
  }

  override checkpoint(callback: () => void): void {
    const { grid } = this.#options;
    this.calls.push("checkpoint");
    const manifest = new Uint8Array(STATE_SIZE_BYTES + 24);
    manifest.set(this.#barBefore);
    const view = new DataView(manifest.buffer);
    view.setUint32(STATE_SIZE_BYTES, this.#table.address, true);
    view.setBigUint64(STATE_SIZE_BYTES + 8, BigInt.asUintN(64, this.#table.checksum), true);
    view.setBigUint64(STATE_SIZE_BYTES + 16, this.#table.checksum >> 64n, true);
    const address = grid.acquire();
    if (this.#references.blockCount > 0) grid.release([this.#references.newest.address]);
    const block = grid.write(address, manifest, callback);
    this.#references = { oldest: block, newest: block, blockCount: 1 };
  }

  override checkpointReferences(): ManifestReferences {
    return this.#references;
  }

  /** The last op whose compaction is in the checkpoint. */
  get #compactedMax(): number {
    const { config, superblock } = this.#options;
    return trigger(config, superblock.working.checkpointHeader.op) ?? 0;
  }

  #encodeState(): Uint8Array {
    const bytes = new Uint8Array(STATE_SIZE_BYTES);
    const view = new DataView(bytes.buffer);
    view.setUint32(0, this.count, true);
    view.setUint32(4, this.sum, true);
    view.setBigUint64(8, this.pulseAt ?? 0n, true);
    return bytes;
  }

  #decodeManifest(bytes: Uint8Array): void {
    assert(this.count === 0 && this.sum === 0, "the store is opened before anything is executed");
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    this.count = view.getUint32(0, true);
    this.sum = view.getUint32(4, true);
    const pulseAt = view.getBigUint64(8, true);
    this.pulseAt = pulseAt === 0n ? null : pulseAt;
    this.#table = {
      address: view.getUint32(STATE_SIZE_BYTES, true),
      checksum: view.getBigUint64(STATE_SIZE_BYTES + 8, true) | (view.getBigUint64(STATE_SIZE_BYTES + 16, true) << 64n),
    };
    this.#bar = this.#encodeState();
    this.#barBefore = this.#bar;
  }
}
