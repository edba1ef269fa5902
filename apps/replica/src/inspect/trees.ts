/**
 * The trees of the ledger, as data files have them.
 */
import { treesOf, TreeSchema } from "@stagbeetle/lsm";
import { accountingGrooves, Limits } from "@stagbeetle/state-machine";
import type { GrooveDeclaration } from "@stagbeetle/state-machine";
import type { Config } from "@stagbeetle/vsr-protocol";

/** The grooves with the sizes that every replica of a configuration has, whatever it was started with. */
export function ledgerGrooves(config: Config): readonly GrooveDeclaration[] {
  const { messageBodySizeMax } = config.derived;
  return accountingGrooves(new Limits({ messageBodySizeMax, batchSizeLimit: messageBodySizeMax }));
}

/** All trees, groove by groove, the object tree of each first. */
export function ledgerTrees(config: Config): readonly TreeSchema[] {
  return treesOf(ledgerGrooves(config)).map((tree) => new TreeSchema(config, tree));
}

/** The trees by their number. */
export function ledgerTreesById(config: Config): ReadonlyMap<number, TreeSchema> {
  return new Map(ledgerTrees(config).map((tree) => [tree.treeId, tree]));
}
