/**
 * That replicas at the same checkpoint have the same tables, also after a restart and after a state sync (spec 07 §12.4); and
 * that no block is in use that nothing refers to.
 *
 * @module
 */
import { assert, checksumOf } from "@stagbeetle/kernels";
import { checkpointAfter, type Config } from "@stagbeetle/vsr-protocol";

import type { Machine } from "../cluster/machine.ts";

/** The forest of a machine that writes checkpoints. */
type Trees = NonNullable<Machine["store"]>["forest"]["trees"];

/** Of an info of a table: all but what happened to it last, which differs after a restart, and one reserved byte. */
const COMPARED_BYTES = 126;

/** Compares the manifests of all replicas. Throws an AssertionError where they differ. */
export class ManifestChecker {
  /** By the op of the checkpoint. */
  readonly #expected: Map<number, { readonly digest: bigint; readonly replica: number }> = new Map();
  readonly #config: Config;
  #comparisons = 0;

  constructor(config: Config) {
    this.#config = config;
  }

  /** How often the manifest of a replica was found to be what it has to be. */
  get comparisons(): number {
    return this.#comparisons;
  }

  /** The forest of a replica has been opened, as of its checkpoint. */
  onOpened(machine: Machine): void {
    this.#compare(machine, machine.superblock.working.checkpointHeader.op);
  }

  /** The forest of a replica has been written, for the checkpoint after the one that it is at. */
  onCheckpointed(machine: Machine): void {
    this.#compare(machine, checkpointAfter(this.#config, machine.superblock.working.checkpointHeader.op));
  }

  #compare(machine: Machine, op: number): void {
    const { index, store } = machine;
    assert(store !== null, () => `replica ${index} has no store`);
    const digest = digestOf(store.forest.trees, store.forest.kernels.memory.bytes);
    const expected = this.#expected.get(op);
    if (expected === undefined) {
      this.#expected.set(op, { digest, replica: index });
      return;
    }
    const { replica } = expected;
    assert(
      digest === expected.digest,
      () => `checkpoint ${op}: the tables of replica ${index} are not those of replica ${replica}`,
    );
    this.#comparisons += 1;
  }
}

/** All live tables, level by level, tree by tree, in the order of their keys. */
function digestOf(trees: Trees, memory: Uint8Array): bigint {
  const parts: Uint8Array[] = [];
  const levelCount = Math.max(...trees.trees.map(({ levels }) => levels.length));
  for (let number = 0; number < levelCount; number += 1) {
    for (const { schema, manifest } of trees.trees) {
      const live = [...manifest.level(number)].filter((table) => trees.infos.isLive(table));
      parts.push(
        Uint8Array.of(number, schema.treeId & 0xff, schema.treeId >>> 8, live.length & 0xff, live.length >>> 8),
      );
      for (const table of live) parts.push(memory.slice(table, table + COMPARED_BYTES));
    }
  }
  const sizeBytes = parts.reduce((sum, { length }) => sum + length, 0);
  const stream = new Uint8Array(sizeBytes);
  let end = 0;
  for (const part of parts) {
    stream.set(part, end);
    end += part.length;
  }
  return checksumOf(stream);
}

/**
 * Asserts that the blocks that are acquired and not released are those of live tables and of the manifest log, each counted once.
 * At the end of a bar, when no compaction is under way.
 */
export function checkFreeSet({ index, store }: Machine): void {
  assert(store !== null, () => `replica ${index} has no store`);
  const { grid, forest } = store;
  const { trees, infos, manifestLog } = forest.trees;
  let blocks = manifestLog.blocksAcquired;
  for (const { schema, levels } of trees) {
    for (const table of levels.flatMap((level) => [...level])) {
      if (infos.isLive(table)) blocks += 1 + Math.ceil(infos.valueCount(table) / schema.valuesPerBlock);
    }
  }
  const used = grid.freeSet.countAcquired - grid.freeSet.countReleased;
  assert(used === blocks, () => `replica ${index} uses ${used} blocks, its tables and their log consist of ${blocks}`);
}
