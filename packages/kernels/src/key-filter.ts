/** A Bloom filter of ids. `assembly/key-filter.ts` has the bits. */

import { assert } from "./assert.ts";
import type { Kernels } from "./kernels.ts";
import type { Pointer } from "./linear-memory.ts";

/** Bits a key, rounded up to a power of two for all: about one in a hundred absent keys may be there. */
const bitsPerKey = 12;
/** All bits of one key are in one cache line. */
const blockBits = 512;
const blockSizeBytes = 64;
const keySizeBytes = 16;

/** A set of ids (16 bytes) that may say yes to one that it does not have, but never no to one that it has. */
export class KeyFilter {
  readonly #kernels: Kernels;
  readonly #pointer: Pointer;
  readonly #sizeBytes: number;

  /** Allocates for `keysMax` keys under `label`. */
  constructor(kernels: Kernels, keysMax: number, label: string) {
    assert(keysMax > 0, () => `${label}: a filter for ${keysMax} keys`);
    const blockCount = 2 ** Math.ceil(Math.log2((keysMax * bitsPerKey) / blockBits + 1));
    this.#kernels = kernels;
    this.#sizeBytes = blockSizeBytes * blockCount;
    this.#pointer = kernels.memory.allocate(this.#sizeBytes, blockSizeBytes, label);
  }

  /** Notes `count` keys, the first at `keys` and each next one `strideBytes` further. */
  addMany(keys: Pointer, strideBytes: number, count: number): void {
    if (count === 0) return;
    const { memory, exports } = this.#kernels;
    memory.assertRange(keys, strideBytes * (count - 1) + keySizeBytes);
    exports.keyFilterAddMany(this.#pointer, this.#blockMask, keys, strideBytes, count);
  }

  /** Whether the key may have been noted. */
  mayHave(key: Pointer): boolean {
    const { memory, exports } = this.#kernels;
    memory.assertRange(key, keySizeBytes);
    return exports.keyFilterMayHave(this.#pointer, this.#blockMask, key) !== 0;
  }

  /** Notes all keys that another filter of the same size has. */
  addAll(other: KeyFilter): void {
    assert(other.#sizeBytes === this.#sizeBytes, "filters of two sizes");
    const { u32 } = this.#kernels.memory;
    const [target, source] = [this.#pointer / 4, other.#pointer / 4];
    for (let lane = 0; lane < this.#sizeBytes / 4; lane++) {
      u32[target + lane] = (u32[target + lane] as number) | (u32[source + lane] as number);
    }
  }

  clear(): void {
    this.#kernels.memory.bytes.fill(0, this.#pointer, this.#pointer + this.#sizeBytes);
  }

  get #blockMask(): number {
    return this.#sizeBytes / blockSizeBytes - 1;
  }
}
