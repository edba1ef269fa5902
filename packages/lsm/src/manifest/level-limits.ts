/**
 * How many tables there can be (spec 05 §2).
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import type { Config } from "@stagbeetle/vsr-protocol";

/** How many live tables a level has at the end of a bar, at most. */
export function tablesPerLevelMax(config: Config, level: number): number {
  assert(level >= 0 && level < config.cluster.lsmLevels, () => `level ${level} of ${config.cluster.lsmLevels}`);
  return config.cluster.lsmGrowthFactor ** (level + 1);
}

/** How many tables a forest can have: the reference bounds it by what one tree can have. */
export function tablesPerForestMax(config: Config): number {
  let tables = 0;
  for (let level = 0; level < config.cluster.lsmLevels; level += 1) tables += tablesPerLevelMax(config, level);
  return tables;
}
