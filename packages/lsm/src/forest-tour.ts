/**
 * A forest as the scrubber and a state sync go through it.
 *
 * @module
 */
import type { ScrubbedForest } from "@stagbeetle/grid";
import type { LinearMemory, Pointer } from "@stagbeetle/kernels";
import type { BlockReference, Random, StoredTable, StoredTables } from "@stagbeetle/vsr-protocol";
import type { Forest } from "./forest.ts";
import { type LevelOfTree, TableIterator } from "./manifest/table-iterator.ts";

/** The tables of a forest for a state sync. */
export class ForestTables implements StoredTables {
  readonly #forest: Pick<Forest, "trees" | "infos">;
  readonly #iterator: TableIterator;

  constructor(forest: Pick<Forest, "trees" | "infos">, memory: LinearMemory) {
    this.#forest = forest;
    this.#iterator = new TableIterator(forest, memory);
  }

  rewind(): void {
    this.#iterator.rewind();
  }

  next(): StoredTable | null {
    const { infos } = this.#forest;
    const table = this.#iterator.next();
    if (table === 0) return null;
    return {
      index: { address: infos.address(table), checksum: infos.checksum(table) },
      snapshotMin: infos.snapshotMin(table),
    };
  }

  has({ address, checksum }: BlockReference): boolean {
    const { trees, infos } = this.#forest;
    const same = (table: Pointer): boolean => infos.address(table) === address && infos.checksum(table) === checksum;
    return trees.some(({ levels }) => levels.some((level) => [...level].some(same)));
  }
}

/** A tour of the scrubber: from a random level of a random tree once around. */
export class ForestTour implements ScrubbedForest {
  readonly #forest: Pick<Forest, "trees" | "infos" | "manifestLog">;
  readonly #iterator: TableIterator;
  #origin: LevelOfTree = { level: 0, tree: 0 };
  /** Whether the tour has been at the last table of all and goes on from the first. */
  #wrapped = false;
  /** The manifest block met last. */
  #manifestAddress: number | null = null;

  constructor(forest: Pick<Forest, "trees" | "infos" | "manifestLog">, memory: LinearMemory) {
    this.#forest = forest;
    this.#iterator = new TableIterator(forest, memory);
  }

  begin(random: Random): void {
    this.#origin = {
      level: random.index(this.#iterator.levelCount),
      tree: random.index(this.#forest.trees.length),
    };
    this.#iterator.rewind(this.#origin);
    this.#wrapped = false;
    this.#manifestAddress = null;
  }

  nextTable(): BlockReference | null {
    const { infos } = this.#forest;
    let table = this.#iterator.next();
    if (table === 0 && !this.#wrapped) {
      this.#wrapped = true;
      this.#iterator.rewind();
      table = this.#iterator.next();
    }
    if (table === 0 || (this.#wrapped && !this.#beforeOrigin())) return null;
    return { address: infos.address(table), checksum: infos.checksum(table) };
  }

  nextManifestBlock(): BlockReference | null {
    const block = this.#forest.manifestLog.blockBefore(this.#manifestAddress);
    if (block !== null) this.#manifestAddress = block.address;
    return block;
  }

  #beforeOrigin(): boolean {
    const { level, tree } = this.#iterator.position;
    return level < this.#origin.level || (level === this.#origin.level && tree < this.#origin.tree);
  }
}
