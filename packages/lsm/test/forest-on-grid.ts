/**
 * A forest on a grid in memory: what `TestGrid` opens, checkpoints and resets.
 */
import type { ManifestReferences } from "@stagbeetle/vsr-protocol";
import { Forest, type ForestOptions } from "../src/forest.ts";
import type { TreeDeclaration } from "../src/tree-schema.ts";
import type { OnGrid, TestGridParts } from "./test-grid.ts";

/** Tables are few, so that the manifest takes little memory. */
const MANIFEST_TABLES_MAX = 4096;

/** What is said of a forest beside its trees. */
export type ForestOnGridOptions = Pick<
  ForestOptions,
  "compactionBlocksMax" | "spill" | "manifestLogObserver" | "compactionObserver"
>;

/** One incarnation, of which a crash makes a new one. What else a test needs of it, it adds. */
export class ForestOnGrid implements OnGrid {
  readonly parts: TestGridParts;
  readonly forest: Forest;

  constructor(parts: TestGridParts, trees: readonly TreeDeclaration[], options: ForestOnGridOptions = {}) {
    this.parts = parts;
    this.forest = new Forest({ ...parts, ...options, trees, manifestTablesMax: MANIFEST_TABLES_MAX });
  }

  open(manifest: ManifestReferences, callback: () => void): void {
    this.forest.open(manifest, callback);
  }

  checkpoint(callback: () => void): void {
    this.forest.checkpoint(callback);
  }

  manifestReferences(): ManifestReferences {
    return this.forest.manifestReferences();
  }

  reset(): void {
    this.forest.reset();
  }
}
