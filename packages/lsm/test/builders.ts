/**
 * Small builders of what the tests of trees and manifests are made of.
 */
import { createKernels, type Kernels, LinearMemory, type Pointer } from "@stagbeetle/kernels";
import { TABLE_INFO_SIZE_BYTES, type TableInfoPool, type TableInfoView } from "../src/manifest/table-info.ts";

/** Kernels over a memory of their own. */
export function testKernels(sizeBytes: number = 32 * 1024 * 1024): Kernels {
  return createKernels({ memory: new LinearMemory({ sizeBytes, shared: false }) });
}

/** Keys in memory, made when they are first used and kept: for tests with small key integers. */
export class Keys {
  readonly #memory: LinearMemory;
  readonly #pointers = new Map<bigint, Pointer>();

  constructor(memory: LinearMemory) {
    this.#memory = memory;
  }

  /** The pointer to the key bytes of an integer. */
  of(integer: bigint | number): Pointer {
    const key = BigInt(integer);
    let pointer = this.#pointers.get(key);
    if (pointer === undefined) {
      pointer = this.#memory.allocate(32, 16, "test keys");
      for (let word = 0; word < 4; word += 1) {
        this.#memory.view.setBigUint64(pointer + 8 * word, BigInt.asUintN(64, key >> BigInt(64 * word)), true);
      }
      this.#pointers.set(key, pointer);
    }
    return pointer;
  }
}

/** A table with some values unless told otherwise. */
export interface TestTable {
  readonly keyMin: number | bigint;
  readonly keyMax: number | bigint;
  readonly address: number;
  readonly snapshotMin?: number;
  readonly valueCount?: number;
  readonly treeId?: number;
}

/** Makes table infos. Their checksums follow from their addresses. */
export class Tables {
  readonly #memory: LinearMemory;
  readonly #infos: TableInfoView;
  readonly #pool: TableInfoPool;
  readonly keys: Keys;
  readonly #checksum: Pointer;

  constructor(memory: LinearMemory, infos: TableInfoView, pool: TableInfoPool) {
    this.#memory = memory;
    this.#infos = infos;
    this.#pool = pool;
    this.keys = new Keys(memory);
    this.#checksum = memory.allocate(16, 16, "test keys");
  }

  make({ keyMin, keyMax, address, snapshotMin = 1, valueCount = 1, treeId = 1 }: TestTable): Pointer {
    this.#memory.view.setBigUint64(this.#checksum, BigInt(address) * 0x9e37_79b9n, true);
    this.#memory.view.setBigUint64(this.#checksum + 8, BigInt(address), true);
    const table = this.#pool.allocate();
    this.#infos.init(table, {
      keyMin: this.keys.of(keyMin),
      keyMax: this.keys.of(keyMax),
      address,
      snapshotMin,
      valueCount,
      treeId,
    });
    this.#infos.setChecksum(table, this.#checksum);
    return table;
  }
}

/** The bytes of a table info, as hexadecimal digits. */
export function tableHex(memory: LinearMemory, table: Pointer): string {
  return Buffer.from(memory.bytes.subarray(table, table + TABLE_INFO_SIZE_BYTES)).toString("hex");
}
